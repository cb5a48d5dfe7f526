import { setTimeout as delay } from 'node:timers/promises';
import { routes } from '@stoa/contracts';
import { type Broker, findIdleQueues, findLeftOverQueues } from '@stoa/messaging';
import type { Logger } from '@stoa/service';
import { LOCAL } from '../settings.ts';
import type { Topology } from '../topology.ts';
import type { Finding } from './finding.ts';

/** A broker that has not answered by then is away. */
const CONNECT_MS = 5_000;
const AWAY = 'Check BROKER_URL and that RabbitMQ runs. Meanwhile events wait in the outboxes.';

/** Whether the broker answers, and the queues without a consumer. */
export async function examineBroker(
  { brokerUrl, brokerPrefix: prefix }: Pick<Topology, 'brokerUrl' | 'brokerPrefix'>,
  broker: Broker,
  log: Logger,
): Promise<Finding[]> {
  const what = 'broker';
  if (brokerUrl === LOCAL) return [{ what, state: 'good', detail: 'inside the process (BROKER_URL=local:)' }];
  const { ok, detail = '' } = await answerOf(broker);
  if (!ok) return [{ what, state: 'wrong', detail, fix: AWAY }];
  try {
    const subscribers = [...new Set(Object.values(routes).flat())];
    return [{ what, state: 'good', detail: 'answers' }, ...(await examineQueues({ url: brokerUrl, prefix, log, subscribers }))];
  } catch (error) {
    return [{ what, state: 'wrong', detail: `its queues cannot be examined: ${(error as Error).message}`, fix: AWAY }];
  }
}

async function examineQueues(options: Parameters<typeof findIdleQueues>[0]): Promise<Finding[]> {
  const idle = (await findIdleQueues(options)).map(
    ({ subscriber, queue, messages }): Finding => ({
      what: `queue ${queue}`,
      state: 'noted',
      detail: `${messages} messages wait, and it has no consumer`,
      fix: `Start a process of ${subscriber} that works (ROLE=worker or all).`,
    }),
  );
  const left = (await findLeftOverQueues(options)).map(
    ({ subscriber, queue, messages, consumers }): Finding => ({
      what: `queue ${queue}`,
      state: 'noted',
      detail: `the subscriber ${subscriber} no longer exists; ${messages} messages wait, and ${consumers} consumers take them`,
      fix: `If nobody needs them, delete it: rabbitmqctl delete_queue ${queue}`,
    }),
  );
  return [...idle, ...left];
}

/** Its connections are made in the background. */
async function answerOf(broker: Broker): ReturnType<Broker['health']> {
  const end = performance.now() + CONNECT_MS;
  for (;;) {
    const answer = await broker.health();
    if (answer.ok || performance.now() > end) return answer;
    await delay(100);
  }
}
