import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { describe, expect } from 'vitest';
import { type FragileBus, happenings, RecordingObserver, scenarios } from './bus-under-test.ts';

/** A process that waits for a bus that is away tries again after ten seconds at the latest. */
const PATIENCE = { timeoutMs: 45_000 };

/** What every adapter must do whose bus may go away while its clients stay. */
export function brokerOutages(name: string, openBus: () => FragileBus | Promise<FragileBus>): void {
  const scenario = scenarios(openBus);
  describe(name, () => {
    scenario('while the bus is away messages wait without being counted, and flow when it is back', async (pipeline, bus) => {
      const sender = await pipeline.startSender(await bus.connect());
      await pipeline.startReceiver(await bus.connect());
      const back = await bus.outage();
      const items = happenings(50, 10);
      await pipeline.append(...items);
      await eventually(async () => expect((await sender.health())[0]?.detail).toBeDefined());
      const { rows } = await sql`select distinct attempts, sent_at, parked_at from outbox`.execute(pipeline.sender.database.query);
      expect(rows).toEqual([{ attempts: 0, sent_at: null, parked_at: null }]);
      await back();
      await pipeline.expectOnce(items, PATIENCE);
    });

    scenario('observers are informed that they may have missed something while the bus was away', async (pipeline, bus) => {
      const observer = new RecordingObserver();
      await pipeline.startReceiver(await bus.connect());
      await (await bus.connect()).observe(['happened'], observer);
      const back = await bus.outage();
      expect(observer.timesMissed).toBe(0);
      await back();
      await eventually(() => expect(observer.timesMissed).toBeGreaterThan(0), PATIENCE);
      await pipeline.startSender(await bus.connect());
      await pipeline.append({ key: 'a', n: 1 });
      await eventually(() => expect([...observer.numbers]).toEqual([1]), PATIENCE);
      await pipeline.expectOnce([{ key: 'a', n: 1 }], PATIENCE);
    });
  });
}
