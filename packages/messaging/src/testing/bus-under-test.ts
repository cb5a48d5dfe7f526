import { test } from 'vitest';
import type { Broker, Observer } from '../broker.ts';
import type { Message } from '../types.ts';
import type { Happening } from './copies.ts';
import { openPipeline, type Pipeline } from './pipeline.ts';

/** A bus as the suites see it. */
export interface BusUnderTest {
  /** One client, as each process has one. A bus within one process gives the same one to all, until it is closed. */
  connect(): Broker | Promise<Broker>;
  /** Closes the clients, and removes what the test left on the bus. */
  close?(): Promise<void>;
}

/** One that can go away while its clients stay. */
export interface FragileBus extends BusUnderTest {
  /** Takes the bus away under its clients; the returned function brings it back with all that it took. */
  outage(): Promise<() => Promise<void>>;
}

export const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
export const happenings = (count: number, keys: number): Happening[] => range(count).map((n) => ({ key: `key ${n % keys}`, n }));

/** Remembers what it received, and how often it was informed that it missed something. */
export class RecordingObserver implements Observer {
  readonly numbers = new Set<number>();
  timesMissed = 0;
  onMessage({ data }: Message): void {
    this.numbers.add((data as Happening).n);
  }
  onMissed(): void {
    this.timesMissed += 1;
  }
}

/** Declares tests that have a pipeline and a bus each. */
export const scenarios =
  <Bus extends BusUnderTest>(openBus: () => Bus | Promise<Bus>) =>
  (title: string, run: (pipeline: Pipeline, bus: Bus) => Promise<void>): void =>
    test(title, async () => {
      const bus = await openBus();
      try {
        await using pipeline = await openPipeline();
        await run(pipeline, bus);
      } finally {
        await bus.close?.();
      }
    });
