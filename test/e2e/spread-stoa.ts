import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { startTestServer } from '@stoa/postgres/testing';
import { eventually, freePort } from '@stoa/service/testing';
import { serviceNames } from '../../apps/server/src/services.ts';
import { placeVariable } from '../../apps/server/src/settings.ts';
import { rolesOfServices } from '../support/topology.ts';
import { emptyBroker, emptyRedis } from './outside-services.ts';
import { type StartOptions, type StoaProcess, spawnStoa } from './stoa-process.ts';

const BROKER_URL = process.env['STOA_TEST_BROKER_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';
const REDIS_URL = process.env['STOA_TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379/9';
const MAIN = resolve(import.meta.dirname, '../../apps/server/src/main.ts');

/** What outlives the processes: as long as its folder. */
interface Ground {
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}
const grounds = new Map<string, Promise<Ground>>();

/**
 * The same system as many processes: the gateway, and two copies of each service, on a Postgres of its own and the machine's RabbitMQ
 * and Redis. To a test it is what one process would be: one address, one folder, one stop.
 */
export async function startSpread({ dataDirectory, port, env = {}, args = [] }: StartOptions & { port: number }): Promise<StoaProcess> {
  const ground = await groundOf(dataDirectory);
  const url = `http://127.0.0.1:${port}`;
  const wanted = chosen(args);
  const roles = [...(await rolesOfServices(['all', 'api'], ['all', 'all']))];
  const copies = await Promise.all(
    roles.flatMap(([service, ofService]) => ofService.map(async (role) => ({ service, role, port: await freePort() }))),
  );
  const placeOf = (service: string) =>
    copies
      .filter((copy) => copy.service === service)
      .map((copy) => `http://127.0.0.1:${copy.port}`)
      .join(',');
  const places = Object.fromEntries(serviceNames.map((service) => [placeVariable(service), placeOf(service)]));
  const shared = { ...ground.env, PUBLIC_URL: url, ...places };
  await leaveForCommands(dataDirectory, { ...shared, ...env });
  const start = (service: string, own: Record<string, string>, at: number) =>
    spawnStoa({ dataDirectory, port: at, env: { ...shared, SERVICES: service, ...own, ...env } });
  const gateway = start('gateway', {}, port);
  const others = copies
    .filter(({ service }) => wanted.includes(service))
    .map(({ service, role, port: at }) => start(service, { ROLE: role }, at));
  const all = [...others, gateway];
  try {
    await Promise.all(all.map(ready));
  } catch (error) {
    await Promise.all(all.map((each) => each.stop('SIGKILL')));
    throw new Error(`${(error as Error).message}\n${all.map((each) => each.output()).join('\n')}`);
  }
  const exited = Promise.all(all.map((each) => each.exited)).then(
    (codes) => codes.find((code) => code !== 0) ?? (codes[0] as number | null),
  );
  return {
    ...gateway,
    exited,
    output: () => all.map((each) => each.output()).join(''),
    stop: async (signal) => {
      // The gateway first, as an operator would: it stops before the services that it depends on.
      await gateway.stop(signal);
      await Promise.all(others.map((each) => each.stop(signal)));
      return await exited;
    },
  };
}

/** For the end of a folder: its Postgres goes with it. */
export async function closeGround(dataDirectory: string): Promise<void> {
  const ground = grounds.get(dataDirectory);
  grounds.delete(dataDirectory);
  await (await ground)?.close();
}

function groundOf(dataDirectory: string): Promise<Ground> {
  const known = grounds.get(dataDirectory) ?? openGround(dataDirectory);
  grounds.set(dataDirectory, known);
  return known;
}

async function openGround(dataDirectory: string): Promise<Ground> {
  const [server] = await Promise.all([startTestServer(), emptyRedis(REDIS_URL)]);
  // Another installation on the same broker, for example one that a broken run has left behind, takes none of its messages.
  const prefix = `e2e-${randomBytes(4).toString('hex')}`;
  const env = {
    DATABASE_URL: server.url,
    STOA_SECRET: randomBytes(32).toString('base64'),
    MAIL_URL: 'mailbox:',
    BROKER_URL,
    BROKER_PREFIX: prefix,
    REDIS_URL,
    DRAIN_MS: '0',
  };
  await mkdir(dataDirectory, { recursive: true });
  await writeFile(join(dataDirectory, 'run.json'), JSON.stringify({ databaseUrl: server.url }));
  const migrating = spawnStoa({ dataDirectory, env, command: [process.execPath, MAIN, 'migrate'] });
  if ((await migrating.exited) !== 0) throw new Error(migrating.output());
  return {
    env,
    async close() {
      await emptyBroker(BROKER_URL, prefix);
      await server.stop();
    },
  };
}

/** Commands of a test run in the folder above, and find the address of the system there. */
async function leaveForCommands(dataDirectory: string, env: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(join(dirname(dataDirectory), '.env'), lines.join(''));
}

/** The services that `--services` names. */
function chosen(args: readonly string[]): readonly string[] {
  const position = args.indexOf('--services');
  return position < 0 ? serviceNames : (args[position + 1] as string).split(',');
}

async function ready(stoa: StoaProcess): Promise<void> {
  const answers = eventually(
    async () => {
      const answer = await fetch(`${stoa.url}/health/ready`);
      if (answer.status !== 200) throw new Error(`not ready: ${answer.status} ${await answer.text()}`);
    },
    { timeoutMs: 120_000, intervalMs: 50 },
  );
  const gone = stoa.exited.then((code) => {
    throw new Error(`a process ended with ${code}`);
  });
  await Promise.race([answers, gone]);
}
