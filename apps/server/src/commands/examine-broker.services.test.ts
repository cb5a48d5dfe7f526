import { createRabbitBroker } from '@stoa/messaging';
import { createLog, uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { Connection } from 'rabbitmq-client';
import { expect, test } from 'vitest';
import { examineBroker } from './examine-broker.ts';

const brokerUrl = 'amqp://guest:guest@127.0.0.1:5672';
const log = createLog({ level: 'silent' });

/** An installation of its own on the server, removed at the end. */
async function openRuntime() {
  const brokerPrefix = `test-${uuidv7()}`;
  const broker = createRabbitBroker({ url: brokerUrl, log, name: 'test', prefix: brokerPrefix });
  const client = new Connection(brokerUrl);
  return {
    ...{ brokerPrefix, broker, client },
    examine: (url = brokerUrl) => examineBroker({ brokerUrl: url, brokerPrefix }, broker, log),
    async [Symbol.asyncDispose]() {
      await broker.close();
      for (const name of ['mailer', 'gone', 'registry']) await client.queueDelete({ queue: `${brokerPrefix}.${name}` });
      await client.exchangeDelete({ exchange: `${brokerPrefix}.events` });
      await client.close();
    },
  };
}

const message = (subscriber: string) => ({
  message: {
    ...{ id: uuidv7(), type: 'happened', version: 1, source: 'sender', key: 'a', occurredAt: new Date().toISOString() },
    ...{ correlationId: '', traceparent: '', data: {} },
  },
  subscribers: [subscriber],
});

test('queues without a consumer are reported with their waiting messages, whatever else somebody wrote into the register', async () => {
  await using system = await openRuntime();
  const { broker, brokerPrefix, client } = system;
  const good = { what: 'broker', state: 'good', detail: 'answers' };
  await client.queueDeclare({ queue: `${brokerPrefix}.registry`, durable: true });
  const publisher = client.createPublisher({ confirm: true });
  for (const body of ['null', '[]', 'text', '{"subscriber":1}']) {
    await publisher.send({ routingKey: `${brokerPrefix}.registry`, contentType: 'application/json' }, Buffer.from(body));
  }
  await publisher.close();
  for (const subscriber of ['mailer', 'gone']) {
    const { stop } = await broker.subscribe(subscriber, ['happened'], async () => {});
    if (subscriber === 'mailer') expect(await system.examine()).toEqual([good]);
    await stop();
    await broker.publish([message(subscriber)]);
  }
  await eventually(async () =>
    expect(await system.examine()).toEqual([
      good,
      {
        what: `queue ${brokerPrefix}.mailer`,
        state: 'noted',
        detail: '1 messages wait, and it has no consumer',
        fix: 'Start a process of mailer that works (ROLE=worker or all).',
      },
      {
        what: `queue ${brokerPrefix}.gone`,
        state: 'noted',
        detail: 'the subscriber gone no longer exists; 1 messages wait, and 0 consumers take them',
        fix: `If nobody needs them, delete it: rabbitmqctl delete_queue ${brokerPrefix}.gone`,
      },
    ]),
  );
});

test('a broker that is lost while its queues are examined is a finding', async () => {
  await using system = await openRuntime();
  const findings = await system.examine('amqp://guest:guest@127.0.0.1:1');
  expect(findings).toMatchObject([
    { what: 'broker', state: 'wrong', detail: expect.stringMatching(/^its queues cannot be examined: RabbitMQ is away/) },
  ]);
});
