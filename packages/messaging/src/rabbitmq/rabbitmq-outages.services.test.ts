import { uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { Connection } from 'rabbitmq-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Outgoing } from '../broker.ts';
import { createOutbox } from '../outbox.ts';
import { type FragileBus, happenings } from '../testing/bus-under-test.ts';
import { happened, silent } from '../testing/copies.ts';
import { startDeafProxy } from '../testing/deaf-proxy.ts';
import { brokerOutages } from '../testing/outages.ts';
import { openPipeline } from '../testing/pipeline.ts';
import { openRabbitBus } from '../testing/rabbit-bus.ts';
import { type RabbitServer, startRabbitServer } from '../testing/rabbitmq-server.ts';
import { findLeftOverQueues } from './examined-queues.ts';
import { createRabbitBroker } from './rabbit-broker.ts';

/** A reconnection, and the relay, wait up to ten seconds between their tries. */
const PATIENCE = { timeoutMs: 60_000 };

let server: RabbitServer;
beforeAll(async () => {
  server = await startRabbitServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A bus that goes away by `stop`; the receiver has subscribed by then. */
const fragile = (stop: (queue: string) => Promise<void>) => (): FragileBus => {
  const bus = openRabbitBus(server.url);
  return {
    ...bus,
    async outage() {
      await stop(`${bus.prefix}.receiver`);
      return () => server.start();
    },
  };
};

brokerOutages(
  'RabbitMQ, restarted',
  fragile(() => server.stop()),
);
brokerOutages(
  'RabbitMQ, killed',
  fragile(async (queue) => {
    await server.settled(queue);
    await server.kill();
  }),
);

const outgoing = (n: number): Outgoing => ({
  message: {
    ...{ id: uuidv7(), type: 'happened', version: 1, source: 'sender', key: `key ${n}` },
    ...{ occurredAt: new Date().toISOString(), correlationId: '', traceparent: '', data: { key: `key ${n}`, n } },
  },
  subscribers: ['receiver'],
});

describe('a server that closes the channel', () => {
  test('for a message that is too large for it: that one is refused with its error, and its neighbours leave', async () => {
    const bus = openRabbitBus(server.url);
    const broker = await bus.connect();
    const received: unknown[] = [];
    await broker.subscribe('receiver', ['happened'], async (messages) => void received.push(...messages));
    const large = (n: number): Outgoing => ({ ...outgoing(n), message: { ...outgoing(n).message, data: 'x'.repeat(200_000) } });
    const batch = Array.from({ length: 40 }, (_, n) => (n % 13 === 7 ? large(n) : outgoing(n)));
    const isLarge = ({ message }: Outgoing) => typeof message.data === 'string';
    await server.takeAtMost(100_000);
    try {
      const detail = expect.stringMatching(/RabbitMQ closed the channel: BasicPublish: PRECONDITION_FAILED - message size \d+ is larger/);
      const refused = batch.filter(isLarge).map(({ message: { id } }) => ({ id, subscriber: 'receiver', reason: 'refused', detail }));
      const found = await broker.publish(batch);
      expect(found.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual(refused);
      const ids = () => new Set(received.map((message) => (message as Outgoing['message']).id));
      await eventually(() => expect(ids()).toEqual(new Set(batch.filter((item) => !isLarge(item)).map(({ message }) => message.id))));
      expect(await broker.publish([outgoing(99)])).toEqual([]);
    } finally {
      await server.takeAtMost();
    }
    await bus.close?.();
  });

  test('for a key that it does not allow: what has that key is refused, and no other', async () => {
    const bus = openRabbitBus(server.url);
    const broker = await bus.connect();
    for (const subscriber of ['receiver', 'mailer']) await broker.subscribe(subscriber, ['happened'], async () => {});
    await server.allowKeys(`${bus.prefix}.events`, '^(receiver|@observers)[.]');
    const [allowed, forbidden] = [outgoing(1), { ...outgoing(2), subscribers: ['mailer'] }];
    const detail = expect.stringMatching(/ACCESS_REFUSED .*topic 'mailer.happened'/);
    expect(await broker.publish([allowed, forbidden])).toEqual([
      { id: forbidden.message.id, subscriber: 'mailer', reason: 'refused', detail },
    ]);
    await bus.close?.();
  });

  test('to all publishers to the exchange: no message is at fault, and the whole call fails with its error', async () => {
    const bus = openRabbitBus(server.url);
    const broker = await bus.connect();
    await broker.subscribe('receiver', ['happened'], async () => {});
    await server.allowExchanges('^$');
    try {
      await expect(broker.publish([outgoing(1), outgoing(2)])).rejects.toThrow(/ACCESS_REFUSED .*exchange/);
    } finally {
      await server.allowExchanges('.*');
    }
    expect(await broker.publish([outgoing(3)])).toEqual([]);
    await bus.close?.();
  });
});

describe('one queue of two', () => {
  /** RabbitMQ lets a channel wait for a queue that is new to it, and with it all else on the channel. */
  describe.each(['known', 'new'] as const)('%s to its channel, that does not confirm', (what) => {
    const detail = 'the queue of mailer does not confirm';

    test('costs its own deliveries: the other ones are taken, and flow on', async () => {
      const bus = openRabbitBus(server.url);
      const broker = createRabbitBroker({ url: server.url, log: silent, name: 'test', prefix: bus.prefix, sendTimeoutMs: 3_000 });
      const received: unknown[] = [];
      await broker.subscribe('receiver', ['happened'], async (messages) => void received.push(...messages));
      await (await broker.subscribe('mailer', ['happened'], async () => {})).stop();
      if (what === 'known') expect(await broker.publish([{ ...outgoing(0), subscribers: ['mailer'] }])).toEqual([]);
      const speak = await server.silence(`${bus.prefix}.mailer`);
      try {
        const [toBoth, toMailer] = [
          { ...outgoing(1), subscribers: ['mailer', 'receiver'] },
          { ...outgoing(2), subscribers: ['mailer'], isRepeat: true },
        ];
        for (const item of [toBoth, toMailer]) {
          expect(await broker.publish([item])).toEqual([{ id: item.message.id, subscriber: 'mailer', reason: 'unroutable', detail }]);
        }
        await eventually(() => expect(received).toEqual([toBoth.message]));
        expect(await broker.publish([outgoing(3)])).toEqual([]);
      } finally {
        await speak();
      }
      await eventually(async () => expect(await broker.publish([{ ...outgoing(4), subscribers: ['mailer'] }])).toEqual([]), PATIENCE);
      await broker.close();
      await bus.close?.();
    });

    test('is sent no more than the server takes without stopping the connection, in however many calls', async () => {
      const bus = openRabbitBus(server.url);
      const broker = createRabbitBroker({ url: server.url, log: silent, name: 'test', prefix: bus.prefix, sendTimeoutMs: 3_000 });
      let received = 0;
      await broker.subscribe('receiver', ['happened'], async (messages) => void (received += messages.length));
      await (await broker.subscribe('mailer', ['happened'], async () => {})).stop();
      if (what === 'known') expect(await broker.publish([{ ...outgoing(0), subscribers: ['mailer'] }])).toEqual([]);
      const speak = await server.silence(`${bus.prefix}.mailer`);
      const batch = () => Array.from({ length: 1_000 }, (_, n) => ({ ...outgoing(n), subscribers: ['mailer', 'receiver'] }));
      try {
        for (const items of [batch(), batch(), batch()]) {
          const lost = items.map(({ message: { id } }) => ({ id, subscriber: 'mailer', reason: 'unroutable', detail }));
          expect(await broker.publish(items)).toEqual(lost);
        }
        await eventually(() => expect(received).toBe(3_000));
      } finally {
        await speak();
      }
      const items = batch();
      await eventually(async () => expect(await broker.publish(items)).toEqual([]), PATIENCE);
      await broker.close();
      await bus.close?.();
    });

    test('holds up no event of the other, and has all of its own in the end', async () => {
      const bus = openRabbitBus(server.url);
      {
        await using pipeline = await openPipeline();
        await pipeline.startReceiver(await bus.connect());
        const other = await bus.connect();
        const received: number[] = [];
        const take = async (messages: readonly unknown[]): Promise<void> => {
          received.push(...messages.map((message) => (message as Outgoing['message'] & { data: { n: number } }).data.n));
        };
        await other.subscribe('mailer', ['happened'], take);
        const broker = createRabbitBroker({ url: server.url, log: silent, name: 'test', prefix: bus.prefix, sendTimeoutMs: 3_000 });
        await pipeline.startSender(broker);
        const items = happenings(41, 4);
        const append = (part: typeof items) =>
          pipeline.sender.database.transaction(async (tx) => {
            const outbox = createOutbox('sender', pipeline.sender.database, tx);
            for (const item of part) await outbox.append({ ...happened, subscribers: ['receiver', 'mailer'] }, item);
          });
        const before = what === 'known' ? [0] : [];
        await append(items.slice(0, before.length));
        await eventually(() => expect(received).toEqual(before), PATIENCE);
        const speak = await server.silence(`${bus.prefix}.mailer`);
        try {
          await append(items.slice(before.length, 20));
          await append(items.slice(20));
          await eventually(async () => expect(await pipeline.effects('in-order')).toHaveLength(41), PATIENCE);
          expect(received).toEqual(before);
        } finally {
          await speak();
        }
        await pipeline.expectOnce(items, PATIENCE);
        await eventually(() => expect(new Set(received).size).toBe(41), PATIENCE);
        for (const key of [0, 1, 2, 3]) {
          const ofKey = [...new Set(received.filter((n) => n % 4 === key))];
          expect(ofKey).toEqual(items.map(({ n }) => n).filter((n) => n % 4 === key));
        }
        await broker.close();
      }
      await bus.close?.();
    });
  });

  test('of an observer, that does not confirm, costs no delivery', async () => {
    const bus = openRabbitBus(server.url);
    const broker = createRabbitBroker({ url: server.url, log: silent, name: 'test', prefix: bus.prefix, sendTimeoutMs: 3_000 });
    await broker.subscribe('receiver', ['happened'], async () => {});
    const client = new Connection(server.url);
    const queue = `${bus.prefix}.observes`;
    await client.queueDeclare({ queue, durable: true });
    await client.queueBind({ exchange: `${bus.prefix}.events`, queue, routingKey: '@observers.happened' });
    const speak = await server.silence(queue);
    try {
      for (const n of [1, 2, 3]) expect(await broker.publish([outgoing(n)])).toEqual([]);
    } finally {
      await speak();
    }
    await client.queueDelete({ queue });
    await client.close();
    await broker.close();
    await bus.close?.();
  });

  test('that refuses what comes costs its own deliveries alone', async () => {
    const bus = openRabbitBus(server.url);
    const broker = await bus.connect();
    await broker.subscribe('receiver', ['happened'], async () => {});
    const client = new Connection(server.url);
    const queue = `${bus.prefix}.mailer`;
    await client.queueDeclare({ queue, durable: true, arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } });
    await client.queueBind({ exchange: `${bus.prefix}.events`, queue, routingKey: 'mailer.happened' });
    const both = Array.from({ length: 5 }, (_, n) => ({ ...outgoing(n), subscribers: ['receiver', 'mailer'] }));
    const detail = 'the queue of mailer does not take happened';
    const rejections = await broker.publish(both);
    expect(rejections.length).toBeGreaterThan(2);
    for (const rejection of rejections) expect(rejection).toMatchObject({ subscriber: 'mailer', reason: 'unroutable', detail });
    await client.close();
    await bus.close?.();
  });
});

describe('a server in trouble', () => {
  test('that blocks publishers: publishing fails at once, health says why, what it holds is still taken, and all flows when it is over', async () => {
    const bus = openRabbitBus(server.url);
    const broker = await bus.connect();
    const received: unknown[] = [];
    await broker.subscribe('receiver', ['happened'], async (messages) => void received.push(...messages));
    expect(await broker.publish([outgoing(1)])).toEqual([]);
    await server.block();
    try {
      await expect(broker.publish([outgoing(2)])).rejects.toThrow(/takes nothing: low on memory/);
      await expect(broker.publish([outgoing(3)])).rejects.toThrow(/takes nothing/);
      expect(await broker.health()).toEqual({ ok: false, detail: 'RabbitMQ takes nothing: low on memory' });
      await eventually(() => expect(received).toMatchObject([{ data: { n: 1 } }]));
    } finally {
      await server.unblock();
    }
    await eventually(async () => expect(await broker.health()).toEqual({ ok: true }), PATIENCE);
    expect(await broker.publish([outgoing(4)])).toEqual([]);
    await eventually(() => expect(received.map((message) => (message as Outgoing['message']).data)).toContainEqual({ key: 'key 4', n: 4 }));
    await bus.close?.();
  });

  test('that blocks publishers: a new subscriber has its queue all the same, holds up nobody, and is registered when it is over', async () => {
    const bus = openRabbitBus(server.url);
    const broker = createRabbitBroker({ url: server.url, log: silent, name: 'test', prefix: bus.prefix, repairMs: 200 });
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    let received = 0;
    await broker.subscribe('receiver', ['happened'], async (messages) => {
      await opened;
      received += messages.length;
    });
    // More than the server sends before it gets an acknowledgement.
    const batch = Array.from({ length: 1_000 }, (_, n) => outgoing(n));
    expect(await broker.publish(batch)).toEqual([]);
    await server.block();
    try {
      await broker.subscribe('mailer', ['happened'], async () => {});
      open();
      await eventually(() => expect(received).toBe(1_000));
      expect(await broker.health()).toEqual({ ok: false, detail: 'RabbitMQ takes nothing: low on memory' });
    } finally {
      await server.unblock();
    }
    await eventually(async () => {
      const left = await findLeftOverQueues({ url: server.url, log: silent, subscribers: ['receiver'], prefix: bus.prefix });
      expect(left).toMatchObject([{ subscriber: 'mailer', consumers: 1 }]);
    }, PATIENCE);
    await broker.close();
    await bus.close?.();
  });

  test('that hangs: publishing fails in bounded time, the dead connections are noticed, and all flows when it is back', async () => {
    const bus = openRabbitBus(server.url);
    const broker = createRabbitBroker({ url: server.url, log: silent, name: 'test', prefix: bus.prefix, sendTimeoutMs: 1_000 });
    const received: unknown[] = [];
    let timesMissed = 0;
    await broker.subscribe('receiver', ['happened'], async (messages) => void received.push(...messages));
    await broker.observe(['happened'], { onMessage: () => {}, onMissed: () => void (timesMissed += 1) });
    expect(await broker.publish([outgoing(1)])).toEqual([]);
    server.freeze();
    try {
      await expect(broker.publish([outgoing(2)])).rejects.toThrow('RabbitMQ did not confirm within 1000 ms');
      await eventually(
        async () => expect(await broker.health()).toMatchObject({ ok: false, detail: expect.stringContaining('no heartbeat') }),
        PATIENCE,
      );
    } finally {
      server.thaw();
    }
    await eventually(async () => expect(await broker.health()).toEqual({ ok: true }), PATIENCE);
    expect(timesMissed).toBe(1);
    await eventually(async () => expect(await broker.publish([outgoing(3)])).toEqual([]), PATIENCE);
    await eventually(
      () => expect(received.map((message) => (message as Outgoing['message']).data)).toContainEqual({ key: 'key 3', n: 3 }),
      PATIENCE,
    );
    await broker.close();
    await bus.close?.();
  });

  test('whose confirms are lost with the connection: what it took comes twice over the bus, and has one effect', async () => {
    await using proxy = await startDeafProxy(server.port);
    const bus = openRabbitBus(`amqp://guest:guest@127.0.0.1:${proxy.port}`);
    {
      await using pipeline = await openPipeline();
      let accepted = 0;
      const broker = createRabbitBroker({ url: server.url, log: silent, name: 'test', prefix: bus.prefix });
      await pipeline.startReceiver({
        ...broker,
        subscribe: (subscriber, types, accept) =>
          broker.subscribe(subscriber, types, (messages) => {
            accepted += messages.length;
            return accept(messages);
          }),
      });
      await pipeline.startSender(await bus.connect());
      await pipeline.append({ key: 'first', n: 100 });
      await pipeline.expectOnce([{ key: 'first', n: 100 }]);
      proxy.holdAnswers();
      const items = happenings(20, 20);
      await pipeline.append(...items);
      await proxy.held();
      proxy.cut();
      await pipeline.expectOnce([{ key: 'first', n: 100 }, ...items], PATIENCE);
      expect(accepted).toBeGreaterThan(21);
      await broker.close();
    }
    await bus.close?.();
  });
});
