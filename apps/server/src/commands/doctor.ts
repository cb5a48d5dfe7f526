import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { routes } from '@stoa/contracts';
import { readAnswer, type Upstream } from '@stoa/http';
import { createDeadLetters, findLeftOverQueues } from '@stoa/messaging';
import { createDatabase } from '@stoa/postgres';
import { createLog, createMetrics, type Environment, type HealthPart, type Logger, type ServiceDefinition } from '@stoa/service';
import { type DatabasePlace, databaseUrl, pendingOf } from '../databases.ts';
import { visitHouse } from '../house.ts';
import { type Outside, openOutside } from '../outside.ts';
import { loadServices } from '../services.ts';
import { chosenServices, LOCAL, readSettings, type Settings } from '../settings.ts';
import { type Topology, topologyOf } from '../topology.ts';

/** What was looked at, and what to do about it. */
interface Finding {
  readonly what: string;
  /** `noted` is no fault, but somebody should look. */
  readonly state: 'good' | 'noted' | 'wrong';
  readonly detail: string;
  readonly fix?: string;
}

const SIGNS = { good: '✓', noted: '!', wrong: '✗' } as const;
/** A broker or Redis that has not answered by then is away. */
const CONNECT_MS = 5_000;
const ANSWER_MS = 3_000;

/** Looks at everything that the settings of this process lead to, and says what is wrong with it. Changes nothing. */
export async function doctor(environment: Environment): Promise<void> {
  const settings = readSettings(environment, []);
  const chosen = chosenServices(environment);
  const topology = topologyOf(settings, chosen);
  const log = createLog({ level: 'silent' });
  const databases = isNew(settings)
    ? [
        {
          what: 'databases',
          state: 'noted' as const,
          detail: `there is nothing in ${settings.config.DATA_DIR} yet: the first start makes it`,
        },
      ]
    : await visitHouse(settings, log, async (place) => await examineDatabases(await loadServices(chosen), place, log));
  const findings = [...databases, ...(await examineOutside(topology, log))];
  for (const { what, state, detail, fix } of findings) {
    console.log(`${SIGNS[state]} ${what}: ${detail}`);
    if (fix !== undefined) console.log(`    ${fix}`);
  }
  const wrong = findings.filter(({ state }) => state === 'wrong').length;
  console.log(wrong === 0 ? '\nAll that is needed is there.' : `\n${wrong} of ${findings.length} ${wrong === 1 ? 'is' : 'are'} wrong.`);
  if (wrong > 0) process.exitCode = 1;
}

const isNew = ({ embedded, config }: Settings): boolean => embedded && !existsSync(join(config.DATA_DIR, 'secret'));

const examineDatabases = (definitions: readonly ServiceDefinition<never>[], place: DatabasePlace, log: Logger) =>
  Promise.all(
    definitions.map(async (definition): Promise<Finding> => {
      const what = `database of ${definition.name}`;
      try {
        const pending = await pendingOf(definition, place, log);
        if (pending.length > 0) return { what, state: 'wrong', detail: `lacks ${pending.join(', ')}`, fix: 'Run "npx stoa migrate".' };
        return await examineDeadLetters(definition.name, place, log);
      } catch (error) {
        return {
          what,
          state: 'wrong',
          detail: (error as Error).message,
          fix: 'Check DATABASE_URL and that the server runs; "npx stoa migrate" makes databases and roles.',
        };
      }
    }),
  );

async function examineDeadLetters(service: string, place: DatabasePlace, log: Logger): Promise<Finding> {
  const what = `database of ${service}`;
  const database = createDatabase({ url: databaseUrl(service, place), name: service, log, metrics: createMetrics(), maxConnections: 1 });
  try {
    const { items, nextCursor } = await createDeadLetters({ database, log }).list({}, { limit: 100 });
    if (items.length === 0) return { what, state: 'good', detail: 'up to date, no dead letters' };
    return {
      what,
      state: 'noted',
      detail: `up to date, with ${nextCursor === null ? items.length : `more than ${items.length}`} dead letters`,
      fix: `Look at them: npx stoa dead-letters list --service ${service}`,
    };
  } finally {
    await database.close();
  }
}

async function examineOutside(topology: Topology, log: Logger): Promise<Finding[]> {
  const outside = await openOutside({ topology, log, metrics: createMetrics() });
  try {
    const [bus, redis, ...services] = await Promise.all([
      examineBroker(topology, outside, log),
      examineRedis(topology, outside),
      ...[...outside.upstreams.values()].map(examineService),
    ]);
    return [...bus, ...redis, ...services];
  } finally {
    await outside.close();
  }
}

async function examineBroker({ brokerUrl, brokerPrefix: prefix }: Topology, { broker }: Outside, log: Logger): Promise<Finding[]> {
  const what = 'broker';
  if (brokerUrl === LOCAL) return [{ what, state: 'good', detail: 'inside the process (BROKER_URL=local:)' }];
  // Its connections are made in the background.
  const { ok, detail = '' } = await until(CONNECT_MS, () => broker.health());
  if (!ok)
    return [{ what, state: 'wrong', detail, fix: 'Check BROKER_URL and that RabbitMQ runs. Meanwhile events wait in the outboxes.' }];
  const subscribers = [...new Set(Object.values(routes).flat())];
  const left = await findLeftOverQueues({ url: brokerUrl, prefix, log, subscribers });
  return [
    { what, state: 'good', detail: 'answers' },
    ...left.map(
      ({ subscriber, queue, messages, consumers }): Finding => ({
        what: `queue ${queue}`,
        state: 'noted',
        detail: `there is no subscriber ${subscriber} any more; ${messages} messages wait, and ${consumers} take from it`,
        fix: `If nobody needs them, delete it: rabbitmqctl delete_queue ${queue}`,
      }),
    ),
  ];
}

async function examineRedis({ redisUrl, brokerUrl }: Topology, { redis }: Outside): Promise<Finding[]> {
  const what = 'Redis';
  if (redis === undefined || redisUrl === undefined) {
    if (brokerUrl === LOCAL) return [];
    return [{ what, state: 'noted', detail: 'not given: limits count per process', fix: 'Give REDIS_URL where a service has copies.' }];
  }
  if (await redis.ready()) return [{ what, state: 'good', detail: 'answers' }];
  const { detail = '' } = redis.health();
  return [
    {
      what,
      state: 'wrong',
      detail,
      fix: 'Check REDIS_URL and that Redis runs. Meanwhile nobody can activate, and limits count per process.',
    },
  ];
}

async function examineService(upstream: Upstream): Promise<Finding> {
  const what = `service ${upstream.name}`;
  try {
    const { status } = await readAnswer(upstream, { method: 'GET', path: '/health/ready', headers: [] }, ANSWER_MS);
    if (status === 200) return { what, state: 'good', detail: 'ready' };
    return { what, state: 'wrong', detail: `not ready (${status})`, fix: 'Its own /health/ready says what it lacks.' };
  } catch (error) {
    const fix = `Check SERVICES_${upstream.name.toUpperCase()}_URL and that it runs.`;
    return { what, state: 'wrong', detail: (error as Error).message, fix };
  }
}

/** Asks again until it is ok or time is over. */
async function until(
  milliseconds: number,
  ask: () => Promise<Pick<HealthPart, 'ok' | 'detail'>>,
): Promise<Pick<HealthPart, 'ok' | 'detail'>> {
  const { setTimeout: delay } = await import('node:timers/promises');
  const end = performance.now() + milliseconds;
  for (;;) {
    const answer = await ask();
    if (answer.ok || performance.now() > end) return answer;
    await delay(100);
  }
}
