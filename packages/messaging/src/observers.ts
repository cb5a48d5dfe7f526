import type { Logger } from '@stoa/service';
import type { Observer } from './broker.ts';
import type { Message } from './types.ts';

interface Entry {
  readonly types: ReadonlySet<string>;
  readonly observer: Observer;
}

/** The observers of one process. One that throws is logged, and hurts neither the bus nor the others. */
export function createObservers(log: Logger) {
  const entries = new Set<Entry>();

  const call = (entry: Entry, run: (observer: Observer) => void): void => {
    try {
      run(entry.observer);
    } catch (error) {
      log.error({ err: error }, 'observer threw');
    }
  };

  return {
    /** @returns a function that removes it. */
    add(types: readonly string[], observer: Observer): () => void {
      const entry = { types: new Set(types), observer };
      entries.add(entry);
      return () => void entries.delete(entry);
    },
    tell(message: Message): void {
      for (const entry of entries) if (entry.types.has(message.type)) call(entry, (observer) => observer.onMessage(message));
    },
    notifyMissed(): void {
      for (const entry of entries) call(entry, (observer) => observer.onMissed());
    },
  };
}
