import { setTimeout as delay } from 'node:timers/promises';
import { runInContext } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { describe, expect } from 'vitest';
import { createOutbox } from '../outbox.ts';
import type { Message } from '../types.ts';
import { type BusUnderTest, happenings, RecordingObserver, range, scenarios } from './bus-under-test.ts';
import { type Happening, happened } from './copies.ts';
import type { Pipeline } from './pipeline.ts';

const CONSUMERS = ['any-order', 'in-order'];
const once = (items: readonly Happening[]) => CONSUMERS.flatMap((consumer) => items.map(({ n }) => `${consumer} ${n}`)).sort();

/** What every adapter must do, proven over the whole way: the outbox of one service on a real Postgres, the bus, the inbox of another. */
export function brokerConformance(name: string, openBus: () => BusUnderTest | Promise<BusUnderTest>): void {
  const scenario = scenarios(openBus);
  const effectsOf = async (pipeline: Pipeline) => (await pipeline.effects()).map(({ consumer, n }) => `${consumer} ${n}`).sort();
  const expectOrder = async (pipeline: Pipeline) => {
    for (const [, effects] of Map.groupBy(await pipeline.effects('in-order'), ({ key }) => key)) {
      const order = effects.map(({ n }) => n);
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
  };
  describe(name, () => {
    scenario(
      'each event has its effect once in each consumer, with the data and the correlation id it was appended with',
      async (pipeline, bus) => {
        await pipeline.startReceiver(await bus.connect());
        await pipeline.startSender(await bus.connect());
        const items = happenings(100, 30);
        await runInContext({ correlationId: 'of-the-request', traceparent: '' }, () => pipeline.append(...items));
        await pipeline.expectOnce(items);
        expect(new Set((await pipeline.effects()).map((effect) => effect.correlationId))).toEqual(new Set(['of-the-request']));
      },
    );

    scenario('a message of almost 1 MiB, which is the most, arrives whole', async (pipeline, bus) => {
      let received = '';
      await pipeline.startReceiver(await bus.connect(), ({ text = '' }) => {
        received = text;
      });
      await pipeline.startSender(await bus.connect());
      const text = '“ü\\\u{1F3DB}"\n'.repeat(69_000);
      await pipeline.append({ key: 'large', n: 1, text });
      await eventually(() => expect(received.length).toBe(text.length));
      expect(received === text).toBe(true);
      await pipeline.drained();
    });

    scenario(
      'no subscriber there: messages wait without being counted, health names the missing one, and they arrive when it comes',
      async (pipeline, bus) => {
        const sender = await pipeline.startSender(await bus.connect());
        const items = happenings(20, 20);
        await pipeline.append(...items);
        await eventually(async () => expect((await sender.health())[0]?.detail).toMatch(/happened waits: .*receiver/));
        const { rows } = await sql`select distinct attempts, sent_at, parked_at from outbox`.execute(pipeline.sender.database.query);
        expect(rows).toEqual([{ attempts: 0, sent_at: null, parked_at: null }]);
        await pipeline.startReceiver(await bus.connect());
        await pipeline.expectOnce(items);
        expect(await sender.health()).toEqual([
          { name: 'relay', ok: true, background: true },
          { name: 'inbox', ok: true, background: true },
        ]);
      },
    );

    scenario(
      'one of two subscribers is absent: the other has all at once, and each of them has the events of a key in their order',
      async (pipeline, bus) => {
        await pipeline.startReceiver(await bus.connect());
        await pipeline.startSender(await bus.connect());
        const items = happenings(40, 4);
        const appendToBoth = (part: readonly Happening[]) =>
          pipeline.sender.database.transaction(async (tx) => {
            const outbox = createOutbox('sender', pipeline.sender.database, tx);
            for (const item of part) await outbox.append({ ...happened, subscribers: ['receiver', 'mailer'] }, item);
          });
        for (const part of [items.slice(0, 15), items.slice(15, 16), items.slice(16)]) await appendToBoth(part);
        await eventually(async () => expect(await effectsOf(pipeline)).toEqual(once(items)));
        const { rows } = await sql`select distinct subscriber, attempts, parked_at from outbox_waiting`.execute(
          pipeline.sender.database.query,
        );
        expect(rows).toEqual([{ subscriber: 'mailer', attempts: 0, parked_at: null }]);
        const taken: Happening[] = [];
        await (await bus.connect()).subscribe('mailer', ['happened'], async (messages) => {
          taken.push(...messages.map((message) => (message as Message).data as Happening));
        });
        await eventually(() => expect(new Set(taken.map(({ n }) => n)).size).toBe(40), { timeoutMs: 15_000 });
        await pipeline.expectOnce(items);
        await expectOrder(pipeline);
        // One may come more than once: its inbox would know it.
        for (const [key, ofKey] of Map.groupBy(taken, (item) => item.key))
          expect([...new Set(ofKey.map(({ n }) => n))]).toEqual(items.filter((item) => item.key === key).map(({ n }) => n));
      },
    );

    scenario('a slow consumer does not hold up the sender', async (pipeline, bus) => {
      const { promise: free, resolve: release } = Promise.withResolvers<void>();
      await pipeline.startReceiver(await bus.connect(), () => free);
      await pipeline.startSender(await bus.connect());
      const items = happenings(200, 50);
      await pipeline.append(...items);
      await eventually(async () => {
        const { rows } = await sql`select from outbox where sent_at is null`.execute(pipeline.sender.database.query);
        expect(rows).toEqual([]);
      });
      expect(await pipeline.effects()).toEqual([]);
      release();
      await pipeline.expectOnce(items);
    });

    scenario('the order per key is kept for consumers that ask for it, whatever fails', async (pipeline, bus) => {
      const failed = new Set<number>();
      await pipeline.startReceiver(await bus.connect(), ({ n }, consumer) => {
        if (consumer !== 'in-order' || n % 7 !== 0 || failed.has(n)) return;
        failed.add(n);
        throw new Error('fails the first time');
      });
      await pipeline.startSender(await bus.connect());
      const items = happenings(120, 6);
      for (const part of [items.slice(0, 40), items.slice(40, 41), items.slice(41)]) await pipeline.append(...part);
      await pipeline.expectOnce(items);
      await expectOrder(pipeline);
      expect(failed.size).toBeGreaterThan(10);
    });

    scenario('a failure is tried again with growing gaps, until it works', async (pipeline, bus) => {
      const tries: number[] = [];
      await pipeline.startReceiver(
        await bus.connect(),
        (_, consumer) => {
          if (consumer !== 'any-order') return;
          tries.push(performance.now());
          if (tries.length < 4) throw new Error('not yet');
        },
        { backoff: { firstMs: 60, longestMs: 1_000 } },
      );
      await pipeline.startSender(await bus.connect());
      await pipeline.append({ key: 'a', n: 1 });
      await pipeline.expectOnce([{ key: 'a', n: 1 }]);
      const gaps = tries.slice(1).map((time, index) => time - (tries[index] as number));
      expect(gaps).toHaveLength(3);
      for (const [index, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(30 * 2 ** index - 2);
    });

    scenario('what fails for good is dead with its reason, hurts no other, and works after a replay', async (pipeline, bus) => {
      let broken = true;
      const receiver = await pipeline.startReceiver(await bus.connect(), ({ n }) => {
        if (broken && n === 13) throw new Error('thirteen is not handled');
      });
      await pipeline.startSender(await bus.connect());
      const items = happenings(30, 5);
      await pipeline.append(...items);
      await eventually(async () => expect((await receiver.deadLetters.list()).items).toHaveLength(2));
      const { items: dead } = await receiver.deadLetters.list({ consumer: 'any-order' });
      expect(dead).toMatchObject([{ box: 'inbox', type: 'happened', attempts: 4, reason: 'Error: thirteen is not handled', replays: 0 }]);
      await eventually(async () => expect(await effectsOf(pipeline)).toEqual(once(items.filter(({ n }) => n !== 13))));
      broken = false;
      expect(await receiver.deadLetters.replayAll({ type: 'happened' })).toBe(2);
      await pipeline.expectOnce(items);
    });

    scenario('what was accepted and comes again has no second effect', async (pipeline, bus) => {
      const broker = await bus.connect();
      let lost = 0;
      await pipeline.startReceiver({
        ...broker,
        subscribe: (subscriber, types, accept) =>
          broker.subscribe(subscriber, types, async (received) => {
            await accept(received);
            if (lost++ < 3) throw new Error('the answer got lost');
          }),
      });
      await pipeline.startSender(await bus.connect());
      const items = happenings(50, 10);
      await pipeline.append(...items);
      await pipeline.expectOnce(items);
      expect(lost).toBeGreaterThan(3);
    });

    scenario('what was published and not marked goes out again, and has no second effect', async (pipeline, bus) => {
      const broker = await bus.connect();
      let published = 0;
      await pipeline.startReceiver(await bus.connect());
      await pipeline.startSender({
        ...broker,
        async publish(outgoing) {
          const rejections = await broker.publish(outgoing);
          if (published++ < 2) throw new Error('the confirmation got lost');
          return rejections;
        },
      });
      const items = happenings(50, 10);
      await pipeline.append(...items);
      await pipeline.expectOnce(items);
      expect(published).toBeGreaterThan(2);
    });

    scenario('copies of a service share the work: each effect once, and in order', async (pipeline, bus) => {
      for (const _ of range(2)) await pipeline.startReceiver(await bus.connect());
      for (const _ of range(2)) await pipeline.startSender(await bus.connect());
      const items = happenings(300, 40);
      for (const n of range(6)) await pipeline.append(...items.slice(n * 50, (n + 1) * 50));
      await pipeline.expectOnce(items);
      await expectOrder(pipeline);
    });

    scenario('an observer receives each message of its types, in every process, and none after it stopped', async (pipeline, bus) => {
      const first = new RecordingObserver();
      const second = new RecordingObserver();
      const deaf = new RecordingObserver();
      const [one, other] = [await bus.connect(), await bus.connect()];
      const observing = await one.observe(['happened'], first);
      await other.observe(['happened'], second);
      await other.observe(['something-else'], deaf);
      await pipeline.startReceiver(await bus.connect());
      await pipeline.startSender(await bus.connect());
      const items = happenings(20, 5);
      await pipeline.append(...items.slice(0, 10));
      await eventually(() =>
        expect([first, second].map(({ numbers }) => [...numbers].sort((a, b) => a - b))).toEqual([range(10), range(10)]),
      );
      await observing.stop();
      await pipeline.append(...items.slice(10));
      await eventually(() => expect(second.numbers.size).toBe(20));
      await pipeline.expectOnce(items);
      expect(first.numbers.size).toBe(10);
      expect(deaf.numbers.size).toBe(0);
      expect([first, second, deaf].map(({ timesMissed }) => timesMissed)).toEqual([0, 0, 0]);
    });

    scenario('what no service takes is received by observers, and is done even without any', async (pipeline, bus) => {
      const hearer = new RecordingObserver();
      await pipeline.startSender(await bus.connect());
      const append = (n: number) =>
        pipeline.sender.database.transaction((tx) =>
          createOutbox('sender', pipeline.sender.database, tx).append({ ...happened, subscribers: [] }, { key: 'a', n }),
        );
      await append(0);
      await pipeline.drained();
      await (await bus.connect()).observe(['happened'], hearer);
      await append(1);
      await eventually(() => expect([...hearer.numbers]).toEqual([1]));
      await pipeline.drained();
    });

    scenario('a stop finishes what is in progress; the next start does the rest', async (pipeline, bus) => {
      let running = 0;
      let calls = 0;
      const first = await pipeline.startReceiver(await bus.connect(), async () => {
        running += 1;
        calls += 1;
        await delay(10);
        running -= 1;
      });
      await pipeline.startSender(await bus.connect());
      const items = happenings(60, 12);
      await pipeline.append(...items);
      await eventually(() => expect(calls).toBeGreaterThan(5));
      await first.stop();
      const { length: done } = await pipeline.effects();
      expect(running).toBe(0);
      expect(done).toBe(calls);
      expect(done).toBeLessThan(120);
      await pipeline.startReceiver(await bus.connect());
      await pipeline.expectOnce(items);
    });

    scenario('after a restart of everything, what was appended meanwhile goes on', async (pipeline, bus) => {
      const items = happenings(40, 8);
      const life = async (part: readonly Happening[]) => {
        const brokers = [await bus.connect(), await bus.connect()] as const;
        const services = [await pipeline.startReceiver(brokers[0]), await pipeline.startSender(brokers[1])];
        await pipeline.append(...part);
        await eventually(async () => expect(await pipeline.effects()).not.toEqual([]));
        for (const part of [...services, ...brokers]) await ('stop' in part ? part.stop() : part.close());
      };
      await life(items.slice(0, 20));
      await pipeline.append(...items.slice(20, 30));
      await life(items.slice(30));
      await pipeline.startReceiver(await bus.connect());
      await pipeline.startSender(await bus.connect());
      await pipeline.expectOnce(items);
    });
  });
}
