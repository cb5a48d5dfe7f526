import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readAnswer, type Upstream } from '@stoa/http';
import { createDeadLetters, findUnclaimed } from '@stoa/messaging';
import { createDatabase } from '@stoa/postgres';
import { createLog, createMetrics, type Environment, type Logger, type ServiceDefinition } from '@stoa/service';
import { deadTasks } from '@stoa/tasks';
import { type DatabasePlace, databaseUrl } from '../databases.ts';
import { pendingOf } from '../migrations.ts';
import { type Outside, openOutside } from '../outside.ts';
import { withRuntime } from '../runtime.ts';
import { loadServices } from '../services.ts';
import { chosenServices, LOCAL, readSettings, type Settings } from '../settings.ts';
import { type Topology, topologyOf } from '../topology.ts';
import { examineBroker } from './examine-broker.ts';
import type { Finding } from './finding.ts';

const SIGNS = { good: '✓', noted: '!', wrong: '✗' } as const;
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
    : await withRuntime(settings, log, async (place) => await examineDatabases(await loadServices(chosen), place, log));
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
    const unclaimed = await findUnclaimed(database.query);
    if (unclaimed.length > 0) {
      return {
        what,
        state: 'wrong',
        detail: unclaimed.map(({ consumer, count }) => `${count} messages wait for ${consumer}, which no running copy has`).join('; '),
        fix: 'Start the version that has it until they are handled, or give the consumer its name back.',
      };
    }
    const { items, nextCursor } = await createDeadLetters({ database, log, sources: [deadTasks] }).list({}, { limit: 100 });
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
      examineBroker(topology, outside.broker, log),
      examineRedis(topology, outside),
      ...[...outside.upstreams.values()].map(examineService),
    ]);
    return [...bus, ...redis, ...services];
  } finally {
    await outside.close();
  }
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
      fix: 'Check REDIS_URL and that Redis runs. Meanwhile no account can be activated, and limits count per process.',
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
