import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { eventually } from '@stoa/service/testing';
import type { StartOptions, StoaProcess } from '../e2e/stoa-process.ts';
import { startBalancer } from './balancer.ts';
import { containersOf, followLogs, publishedPort, runCompose, runEngine, type Variables } from './engine.ts';
import { deployed } from './settings-of.ts';

const STOP_SECONDS = 35;
/** The tag of the images that `build-images.ts` makes. */
export const STOA_VERSION = 'e2e';

/** What outlives the services: the stores, with their data. As long as its folder. */
export interface Project {
  readonly project: string;
  readonly variables: Variables;
}

/** The containers of each service, the gateway's first. */
type Copies = ReadonlyMap<string, readonly string[]>;

const grounds = new Map<string, Project>();

/**
 * The same system as containers: `deploy/compose.yaml`, with two copies of each service and of the gateway, and one address in front. To a
 * test it is what one process would be: one address, one folder, one stop.
 */
export async function startInContainers(options: StartOptions & { port: number }): Promise<StoaProcess> {
  const { dataDirectory, port, env = {}, args = [] } = options;
  const ground = grounds.get(dataDirectory) ?? newProject();
  grounds.set(dataDirectory, ground);
  const { project } = ground;
  const url = `http://127.0.0.1:${port}`;
  const variables = { ...ground.variables, PUBLIC_URL: url, ...env };
  const wanted = chosen(args);
  await runCompose(project, ['up', '--detach', '--no-build', ...wanted.flatMap((name) => ['--scale', `${name}=2`]), ...wanted], variables);
  const copies = await copiesOf(project, wanted);
  const logs = await Promise.all([...copies.values()].flat().map(followLogs));
  const output = collect(logs);
  try {
    await Promise.all([...copies.values()].flat().map(ready));
    await leaveForCommands(options, ground, url);
    const gateways = await Promise.all((copies.get('gateway') ?? []).map((id) => publishedPort(id, 3000)));
    await Promise.all(gateways.map((gateway) => seesAll(gateway, wanted)));
    const balancer = await startBalancer(port, gateways);
    return { url, dataDirectory, child: logs[0] as ChildProcess, output, ...endOf(copies, balancer, logs) };
  } catch (error) {
    const said = output();
    await closeContainers(dataDirectory);
    throw new Error(`${(error as Error).message}\n${said}`);
  }
}

/** For the end of a folder: all its containers and their data go with it. */
export async function closeContainers(dataDirectory: string): Promise<void> {
  const ground = grounds.get(dataDirectory);
  grounds.delete(dataDirectory);
  if (ground !== undefined) await closeProject(ground);
}

export async function closeProject({ project, variables }: Project): Promise<void> {
  await runCompose(project, ['down', '-v'], variables);
  // An old podman-compose leaves them.
  await runEngine(['network', 'rm', `${project}_stoa`, `${project}_data`]).catch(() => {});
}

/** Secrets and settings of a system that no other system has. */
export function newProject(): Project {
  const password = () => randomBytes(12).toString('hex');
  return {
    project: `stoa-e2e-${randomBytes(4).toString('hex')}`,
    variables: {
      STOA_VERSION,
      STOA_SECRET: randomBytes(32).toString('base64'),
      POSTGRES_PASSWORD: password(),
      RABBITMQ_PASSWORD: password(),
      REDIS_PASSWORD: password(),
      GATEWAY_PORTS: '127.0.0.1::3000',
      LOG_LEVEL: 'warn',
      BCRYPT_COST: '10',
      DRAIN_MS: '0',
    },
  };
}

/** How the system ends. A second stop waits for the first. */
function endOf(copies: Copies, balancer: { close(): Promise<void> }, logs: readonly ChildProcess[]): Pick<StoaProcess, 'stop' | 'exited'> {
  const { promise: exited, resolve: exit } = Promise.withResolvers<number | null>();
  const end = async (signal: NodeJS.Signals) => {
    const codes: number[] = [];
    // The gateway first, as an operator would: it stops before the services that it depends on.
    for (const containers of copies.values()) codes.push(...(await stopAll(containers, signal)));
    await balancer.close();
    await Promise.all(logs.map(closed));
    await runEngine(['rm', '--force', ...[...copies.values()].flat()]);
    exit(signal === 'SIGKILL' ? null : (codes.find((code) => code !== 0) ?? 0));
  };
  let ending: Promise<void> | undefined;
  return {
    exited,
    async stop(signal = 'SIGTERM') {
      await (ending ??= end(signal));
      return await exited;
    },
  };
}

async function copiesOf(project: string, services: readonly string[]): Promise<Copies> {
  const copies = new Map(await Promise.all(services.map(async (name) => [name, await containersOf(project, name)] as const)));
  for (const [name, ids] of copies) if (ids.length !== 2) throw new Error(`${ids.length} containers of ${name}, where two were to be`);
  return copies;
}

function collect(logs: readonly ChildProcess[]): () => string {
  let output = '';
  for (const { stdout, stderr } of logs) {
    for (const stream of [stdout, stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  return () => output;
}

const closed = async (child: ChildProcess) => {
  if (child.stdout?.closed && child.stderr?.closed) return;
  await once(child, 'close');
};

/** By the image's own health check, which an engine runs as well. */
async function ready(container: string): Promise<void> {
  const probe = JSON.parse(await runEngine(['inspect', '--format', '{{json .Config.Healthcheck.Test}}', container])) as string[];
  await eventually(() => runEngine(['exec', container, ...probe.slice(1)]), { timeoutMs: 120_000, intervalMs: 250 });
}

/** A gateway is ready without the services behind it, as some requests need only one; a test that uses all of them waits for all. */
async function seesAll(gateway: string, services: readonly string[]): Promise<void> {
  const seen = async () => {
    const { parts } = (await (await fetch(`http://${gateway}/health/ready`)).json()) as { parts: { name: string; ok: boolean }[] };
    const missing = services.filter((service) => service !== 'gateway' && !parts.some(({ name, ok }) => name === service && ok));
    if (missing.length > 0 || !parts.some(({ name, ok }) => name === 'identity' && ok)) throw new Error(JSON.stringify(parts));
  };
  await eventually(seen, { timeoutMs: 60_000, intervalMs: 100 });
}

/** @returns the exit codes of those that were asked to stop. */
async function stopAll(containers: readonly string[], signal: NodeJS.Signals): Promise<number[]> {
  if (signal === 'SIGKILL') {
    await runEngine(['kill', ...containers]);
    return [];
  }
  await runEngine(['stop', '-t', String(STOP_SECONDS), ...containers]);
  const codes = await runEngine(['inspect', '--format', '{{.State.ExitCode}}', ...containers]);
  return codes.split('\n').map(Number);
}

/** Tests query the database; commands of a test run in the folder above, and find the address of the system there. */
async function leaveForCommands({ dataDirectory }: StartOptions, { project, variables }: Project, url: string): Promise<void> {
  const [postgres] = await containersOf(project, 'postgres');
  const { POSTGRES_PASSWORD, STOA_SECRET } = variables;
  const databaseUrl = `postgres://postgres:${POSTGRES_PASSWORD}@${await publishedPort(postgres as string, 5432)}/postgres`;
  await mkdir(dataDirectory, { recursive: true });
  await writeFile(join(dataDirectory, 'run.json'), JSON.stringify({ databaseUrl }));
  await writeFile(
    join(dirname(dataDirectory), '.env'),
    `DATABASE_URL=${databaseUrl}\nSTOA_SECRET=${STOA_SECRET}\nPUBLIC_URL=${url}\nBCRYPT_COST=10\n`,
  );
}

/** The services that `--services` names. */
function chosen(args: readonly string[]): readonly string[] {
  const position = args.indexOf('--services');
  return position < 0 ? deployed : (args[position + 1] as string).split(',');
}
