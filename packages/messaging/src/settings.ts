import type { Backoff } from './backoff.ts';

export interface MessagingSettings {
  /** Upper bound of the wait for work; a notification wakes earlier, this is the net below it. */
  readonly pollMs: number;
  /** Rows the relay reads and publishes at a time. */
  readonly relayBatch: number;
  /** What the relay, or a worker, brings into memory at a time, in bytes of JSON; a single row may be larger. */
  readonly batchBytes: number;
  /** Refusals after which an outbox row is parked. */
  readonly publishAttempts: number;
  /** Rows one transaction handles as long as nothing fails. */
  readonly inboxBatch: number;
  /** A batch takes no further row after this long: its locks and its connection are not to be held for ever. */
  readonly inboxBatchMs: number;
  /** Transactions at the same time over all consumers of one process: each takes a connection of the pool. */
  readonly consumerWorkers: number;
  /** The same over all jobs: slow ones hold up each other, and no consumer. */
  readonly jobWorkers: number;
  /** Failures after which an inbox row is dead. With `backoff`'s default the last try comes some 25 minutes after the first. */
  readonly handleAttempts: number;
  readonly handlerTimeoutMs: number;
  readonly backoff: Backoff;
  readonly pruneEveryMs: number;
  /** How often a copy announces what it takes; without a sign for a minute it counts as gone. */
  readonly announceMs: number;
  /** How long sent rows of the outbox are kept. */
  readonly outboxRetentionHours: number;
  /** How old a message may be when it is replayed. */
  readonly longestReplayHours: number;
  /**
   * A row that is older is sent no more: some of its subscribers may have had it, and forget it soon. A day less than they remember,
   * as it may lie in a queue.
   */
  readonly sendWithinHours: number;
  /** How long the inbox knows a message that it was given, which is what makes a repeated one harmless. */
  readonly inboxRetentionHours: number;
}

export const defaultSettings: MessagingSettings = {
  pollMs: 5_000,
  relayBatch: 500,
  batchBytes: 4 * 1024 * 1024,
  publishAttempts: 10,
  inboxBatch: 250,
  inboxBatchMs: 1_000,
  consumerWorkers: 2,
  jobWorkers: 2,
  handleAttempts: 12,
  handlerTimeoutMs: 30_000,
  backoff: { firstMs: 1_000, longestMs: 600_000 },
  pruneEveryMs: 60_000,
  announceMs: 10_000,
  outboxRetentionHours: 7 * 24,
  longestReplayHours: 14 * 24,
  sendWithinHours: 29 * 24,
  inboxRetentionHours: 30 * 24,
};

/** @throws RangeError when a message could be sent or replayed after the inbox forgot that it was handled. */
export function checkSettings(settings: MessagingSettings): MessagingSettings {
  const { outboxRetentionHours, longestReplayHours, sendWithinHours, inboxRetentionHours } = settings;
  const others = Object.entries({ outboxRetentionHours, longestReplayHours, sendWithinHours });
  if (others.some(([, hours]) => inboxRetentionHours <= hours)) {
    const listed = others.map(([name, hours]) => `${name} (${hours})`).join(', ');
    throw new RangeError(`inboxRetentionHours (${inboxRetentionHours}) must be above ${listed}`);
  }
  return settings;
}
