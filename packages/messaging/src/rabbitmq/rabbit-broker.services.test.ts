import { uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { Connection } from 'rabbitmq-client';
import { expect, test } from 'vitest';
import type { Outgoing } from '../broker.ts';
import { silent } from '../testing/copies.ts';
import { openRabbitBus, RABBITMQ_URL } from '../testing/rabbit-bus.ts';
import { findLeftOverQueues } from './examined-queues.ts';
import { createRabbitBroker } from './rabbit-broker.ts';

const outgoing = (...subscribers: string[]): Outgoing => ({
  message: {
    ...{ id: uuidv7(), type: 'happened', version: 1, source: 'sender', key: 'a', occurredAt: new Date().toISOString() },
    ...{ correlationId: '', traceparent: '', data: {} },
  },
  subscribers,
});

test('each subscriber must have the message: one that is bound does not hide one that is not, nor does an observer', async () => {
  await using bus = disposable();
  const broker = await bus.connect();
  await broker.observe(['happened'], { onMessage: () => {}, onMissed: () => {} });
  await broker.subscribe('receiver', ['happened'], async () => {});
  const [toBoth, toOne, toNone] = [outgoing('receiver', 'absent'), outgoing('receiver'), outgoing('absent')] as const;
  expect(await broker.publish([toBoth, toOne, toNone])).toEqual([
    { id: toBoth.message.id, subscriber: 'absent', reason: 'unroutable', detail: 'absent has no queue for happened' },
    { id: toNone.message.id, subscriber: 'absent', reason: 'unroutable', detail: 'absent has no queue for happened' },
  ]);
});

test('what the inbox does not accept is tried again, in its order, and not requeued', async () => {
  await using bus = disposable();
  const broker = await bus.connect();
  const tries: string[][] = [];
  const idsOf = (received: readonly unknown[]) => received.map((message) => (message as Outgoing['message']).id);
  await broker.subscribe('receiver', ['happened'], async (received) => {
    tries.push(idsOf(received));
    if (tries.length < 4) throw new Error('the database is away');
  });
  const batch = [outgoing('receiver'), outgoing('receiver'), outgoing('receiver')];
  await broker.publish(batch);
  const ids = batch.map(({ message }) => message.id);
  await eventually(() => expect([...new Set(tries.slice(3).flat())]).toEqual(ids));
  expect(tries.slice(0, 4).every((ofOne) => ofOne.join() === tries[0]?.join())).toBe(true);
});

test('an inbox that never answers is reported by health, and given up for that of another process', async () => {
  await using bus = disposable();
  const options = { url: RABBITMQ_URL, log: silent, name: 'test', prefix: bus.prefix };
  const deaf = createRabbitBroker({ ...options, giveUpMs: 1_500 });
  await deaf.subscribe('receiver', ['happened'], () => new Promise(() => {}));
  const first = outgoing('receiver');
  await deaf.publish([first]);
  const detail = expect.stringMatching(/^the queue of receiver: the inbox has not accepted for \d s/);
  await eventually(async () => expect(await deaf.health()).toEqual({ ok: false, detail }));
  const received: unknown[] = [];
  const other = createRabbitBroker(options);
  await other.subscribe('receiver', ['happened'], async (messages) => void received.push(...messages));
  await eventually(() => expect(received).toEqual([first.message]));
  expect(await deaf.health()).toEqual({ ok: false, detail: expect.stringMatching(/ has not accepted for \d s: it does not answer$/) });
  await Promise.all([deaf.close(), other.close()]);
});

test('an inbox that never answers does not hold up the end', async () => {
  await using bus = disposable();
  const broker = await bus.connect();
  let asked = 0;
  const { stop } = await broker.subscribe('receiver', ['happened'], () => {
    asked += 1;
    return new Promise(() => {});
  });
  await broker.publish([outgoing('receiver')]);
  await eventually(() => expect(asked).toBe(1));
  const since = performance.now();
  await stop();
  expect(performance.now() - since).toBeLessThan(12_000);
});

test('what is no message reaches the inbox as it is', async () => {
  await using bus = disposable();
  const broker = await bus.connect();
  const received: unknown[] = [];
  await broker.subscribe('receiver', ['happened'], async (items) => void received.push(...items));
  const client = new Connection(RABBITMQ_URL);
  const publisher = client.createPublisher({ confirm: true });
  for (const body of ['{not json', '"text"', '{"some":"thing"}']) {
    await publisher.send({ exchange: `${bus.prefix}.events`, routingKey: 'receiver.happened' }, body);
  }
  await publisher.close();
  await client.close();
  await eventually(() => expect(received).toEqual(['{not json', 'text', { some: 'thing' }]));
});

test('what is too large for the protocol is refused, and hurts no other', async () => {
  await using bus = disposable();
  const broker = await bus.connect();
  await broker.subscribe('receiver', ['happened'], async () => {});
  const small = outgoing('receiver');
  const large = { ...small, message: { ...small.message, id: uuidv7(), data: 'x'.repeat(9 * 1024 * 1024) } };
  expect(await broker.publish([large, small])).toMatchObject([{ id: large.message.id, reason: 'refused' }]);
});

test.for(['the exchange', 'the exchange, and somebody made it anew', 'a binding'])(
  'somebody deletes %s: it is made anew, and observers are informed if they may have missed something',
  async (what) => {
    await using bus = disposable();
    const exchange = `${bus.prefix}.events`;
    const broker = createRabbitBroker({ url: RABBITMQ_URL, log: silent, name: 'test', prefix: bus.prefix, repairMs: 200 });
    let [heard, timesMissed] = [0, 0];
    await broker.subscribe('receiver', ['happened'], async () => {});
    await broker.observe(['happened'], { onMessage: () => void (heard += 1), onMissed: () => void (timesMissed += 1) });
    const client = new Connection(RABBITMQ_URL);
    const isTaken = async () => expect(await broker.publish([outgoing('receiver')])).toEqual([]);
    await isTaken();
    await eventually(() => expect(heard).toBe(1));
    if (what === 'a binding') {
      // Twice, so that a repair has passed meanwhile in which observers missed nothing.
      for (const _ of [1, 2]) {
        await client.queueUnbind({ queue: `${bus.prefix}.receiver`, exchange, routingKey: 'receiver.happened' });
        expect(await broker.publish([outgoing('receiver')])).toMatchObject([{ reason: 'unroutable' }]);
        await eventually(isTaken);
      }
      expect(timesMissed).toBe(0);
    } else {
      await client.exchangeDelete({ exchange });
      if (what !== 'the exchange') await client.exchangeDeclare({ exchange, type: 'topic', durable: true });
      await eventually(() => expect(timesMissed).toBe(1));
      heard = 0;
      await eventually(isTaken);
      await eventually(() => expect(heard).toBeGreaterThan(0));
    }
    expect(await broker.health()).toEqual({ ok: true });
    await client.close();
    await broker.close();
  },
);

test('a subscriber that cannot have its queue is not registered', async () => {
  await using bus = disposable();
  const client = new Connection(RABBITMQ_URL);
  await client.exchangeDeclare({ exchange: `${bus.prefix}.events`, type: 'direct', durable: true });
  const broker = await bus.connect();
  await broker.subscribe('receiver', ['happened'], async () => {});
  const why = { ok: false, detail: expect.stringContaining('PRECONDITION_FAILED') };
  await eventually(async () => expect(await broker.health()).toMatchObject(why));
  await expect(client.queueDeclare({ queue: `${bus.prefix}.registry`, passive: true })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await client.close();
});

test('a server that cannot be reached fails each call, and holds up neither the start nor the end', async () => {
  const broker = createRabbitBroker({ url: 'amqp://guest:guest@127.0.0.1:1', log: silent, name: 'test' });
  await broker.subscribe('receiver', ['happened'], async () => {});
  await expect(broker.publish([outgoing('receiver')])).rejects.toThrow(/RabbitMQ is away/);
  expect(await broker.health()).toMatchObject({ ok: false, detail: expect.stringContaining('RabbitMQ is away') });
  await broker.close();
});

test('a queue whose subscriber is gone is found, with what it holds, on every check', async () => {
  await using bus = disposable();
  const broker = await bus.connect();
  const look = () => findLeftOverQueues({ url: RABBITMQ_URL, log: silent, subscribers: ['mailer'], prefix: bus.prefix });
  expect(await look()).toEqual([]);
  await (await broker.subscribe('mailer', ['happened'], async () => {})).stop();
  const { stop } = await broker.subscribe('receiver', ['happened'], async () => {});
  await stop();
  await broker.publish([outgoing('receiver')]);
  const found = [{ queue: `${bus.prefix}.receiver`, subscriber: 'receiver', messages: 1, consumers: 0 }];
  await eventually(async () => expect(await look()).toEqual(found));
  await eventually(async () => expect(await look()).toEqual(found));
});

function disposable() {
  const bus = openRabbitBus();
  return { ...bus, [Symbol.asyncDispose]: async () => bus.close?.() };
}
