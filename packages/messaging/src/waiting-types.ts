import type { Logger } from '@stoa/service';
import { backoffMs } from './backoff.ts';

const BACKOFF = { firstMs: 250, longestMs: 5_000 };

interface Waiting {
  readonly tries: number;
  readonly until: number;
  readonly detail: string;
}

/**
 * Types of messages that a declared subscriber does not take yet. Their rows wait in the outbox without counting, and
 * are tried again now and then; a hundred thousand of them cost one look, not one try each.
 */
export function createWaitingTypes(log: Logger) {
  const waiting = new Map<string, Waiting>();

  const has = (type: string): boolean => (waiting.get(type)?.until ?? 0) > performance.now();

  return {
    /** Whether `type` is still to wait. */
    has,
    types: (): string[] => [...waiting.keys()].filter(has),
    /** Milliseconds until the next try of one of them. */
    nextMs: (): number => Math.min(...[...waiting.values()].map(({ until }) => until - performance.now()).filter((ms) => ms > 0)),
    add(type: string, detail: string): void {
      if (has(type)) return;
      const tries = (waiting.get(type)?.tries ?? 0) + 1;
      if (tries === 1) log.warn({ type, reason: detail }, 'messages wait: a declared subscriber is not there');
      waiting.set(type, { tries, detail, until: performance.now() + backoffMs(BACKOFF, tries) });
    },
    delete(type: string): void {
      if (waiting.delete(type)) log.info({ type }, 'messages flow again');
    },
    describe: (): string | undefined => [...waiting].map(([type, { detail }]) => `${type} waits: ${detail}`).join('; ') || undefined,
  };
}
