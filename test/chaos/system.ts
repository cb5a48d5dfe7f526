import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type RabbitServer, startRabbitServer } from '@stoa/messaging/testing';
import { type RedisServer, startRedisServer } from '@stoa/redis/testing';
import { freePorts, startTcpProxy, type TcpProxy } from '@stoa/service/testing';
import { GATEWAY, serviceNames } from '../../apps/server/src/services.ts';
import { placeVariable } from '../../apps/server/src/settings.ts';
import { type Role, rolesOfServices } from '../support/topology.ts';
import { cutAtConfirm } from './amqp-frames.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { createPod, type Pod, type PodOptions } from './pod.ts';
import { type Ask, type PostgresGround, startPostgresGround } from './postgres-ground.ts';
import { loseAnswers } from './postgres-messages.ts';
import { startReaper } from './reaper.ts';
import type { VanishingNetwork } from './vanishing-network.ts';

/** A Stoa of many processes with everything of its own, on free ports and in a folder of its own. */
export interface System {
  readonly postgres: PostgresGround;
  readonly rabbit: RabbitServer;
  readonly redis: RedisServer;
  /** The network between all processes and RabbitMQ. It can cut connections at the next `cutsDue` confirms, but lets some through. */
  readonly rabbitNetwork: TcpProxy & { cutsDue: number };
  /** The network between the first api of users and Postgres. */
  readonly postgresNetwork: TcpProxy;
  /**
   * The network between Postgres and the second copy of each process that has a database. It can lose so many of the next answers, but
   * lets some through. When it loses one to a COMMIT, it breaks the connection; when one to another statement, the connection hangs.
   */
  readonly lossyNetwork: TcpProxy & { commitsDue: number; statementsDue: number };
  readonly ask: Ask;
  readonly gateways: readonly Pod[];
  /** The two processes of a service that have this role: `api` and `worker`, or `all` when they do not run apart. */
  podsOf(service: string, role: Role): readonly Pod[];
  /** All of them, the gateways too. */
  readonly pods: readonly Pod[];
  /** One more process, not yet started. It is no part of `pods`, and ends with the system at the latest. */
  another(name: string, args: readonly string[], options?: Another): Promise<Pod>;
  readonly balancer: Balancer;
  /** Ends all of it. @param keepLogs where a test failed: the folder with the output of every process stays, and its path is printed. */
  stop(options: { readonly keepLogs: boolean }): Promise<void>;
}

/** Two processes that do the same. */
interface Kind {
  readonly service: string;
  readonly role: Role;
  readonly ports: readonly number[];
}

export interface Another {
  readonly env?: Readonly<Record<string, string>>;
  /** The network in which it runs, if it has one of its own. */
  readonly network?: VanishingNetwork;
}

const SETTINGS = { MAIL_URL: 'mailbox:', MAIL_RATE_PER_SECOND: '200', BCRYPT_COST: '10', RATE_LIMITS: 'off' };

/** One of so many confirms or answers is lost: some must also get through. */
const PASSING = 3;

export async function startSystem(): Promise<System> {
  const folder = await mkdtemp('/tmp/stoa-chaos-');
  // When started as root, Postgres runs as another user, who must be able to enter the folder.
  await chmod(folder, 0o711);
  const logs = join(folder, 'logs');
  await mkdir(logs);
  const stack = new AsyncDisposableStack();
  startReaper(join(folder, 'data'));
  stack.defer(() => rm(join(folder, 'data'), { recursive: true, force: true }));
  const end = async (keepLogs: boolean) => {
    await stack.disposeAsync();
    if (keepLogs) console.log(`What every process printed: ${logs}`);
    else await rm(folder, { recursive: true, force: true });
  };
  try {
    return { ...(await build(folder, logs, stack)), stop: ({ keepLogs }) => end(keepLogs) };
  } catch (error) {
    await end(true);
    throw error;
  }
}

async function build(folder: string, logs: string, stack: AsyncDisposableStack): Promise<Omit<System, 'stop'>> {
  const postgres = await startPostgresGround(join(folder, 'data'));
  stack.defer(() => postgres.stop());
  const rabbit = stack.use(await startRabbitServer());
  const redis = stack.use(await startRedisServer());
  const network = async (...[target, inspector]: Parameters<typeof startTcpProxy>) => {
    const proxy = await startTcpProxy(target, inspector);
    stack.defer(() => proxy.close());
    return proxy;
  };
  const confirms = { cutsDue: 0, passed: 0 };
  const cuts = () => confirms.cutsDue > 0 && ++confirms.passed % PASSING === 0 && confirms.cutsDue-- > 0;
  const rabbitNetwork = Object.assign(confirms, await network(rabbit.port, cutAtConfirm(cuts)));
  const postgresNetwork = await network(postgres.port);
  const answers = { commitsDue: 0, statementsDue: 0, passed: 0 };
  const isLost = (due: 'commitsDue' | 'statementsDue') => answers[due] > 0 && ++answers.passed % PASSING === 0 && answers[due]-- > 0;
  const inspector = loseAnswers({ commit: () => isLost('commitsDue'), statement: () => isLost('statementsDue') });
  const lossyNetwork = Object.assign(answers, await network(postgres.port, inspector));

  const kinds: Kind[] = [];
  for (const [service, roles] of await rolesOfServices(['api', 'worker'], ['all']))
    for (const role of roles) kinds.push({ service, role, ports: await freePorts(2) });
  const gatewayPorts = await freePorts(2);
  const placesOf = (service: string) =>
    kinds
      .filter((kind) => kind.service === service && kind.role !== 'worker')
      .flatMap(({ ports }) => ports.map((port) => `http://127.0.0.1:${port}`))
      .join(',');
  const env = {
    ...SETTINGS,
    DATABASE_URL: postgres.url(),
    BROKER_URL: Object.assign(new URL(rabbit.url), { port: String(rabbitNetwork.port) }).href,
    REDIS_URL: redis.url,
    STOA_SECRET: randomBytes(32).toString('base64'),
    PUBLIC_URL: `http://127.0.0.1:${gatewayPorts[0]}`,
    ...Object.fromEntries(serviceNames.map((service) => [placeVariable(service), placesOf(service)])),
  };
  const pod = (name: string, args: readonly string[], port = 0, more: Partial<PodOptions> = {}) => {
    const made = createPod({ name, port, args, logs, ...more, env: { ...env, ...more.env } });
    stack.defer(() => made.kill());
    return made;
  };
  const another: System['another'] = async (name, args, { env: more = {}, network } = {}) => {
    const [port] = (await freePorts(1)) as [number];
    if (network === undefined) return pod(name, args, port, { env: more });
    const there = Object.entries({ ...env, ...more }).map(([key, value]) => [key, value.replaceAll('127.0.0.1', network.outside)]);
    return pod(name, args, port, { env: Object.fromEntries(there), host: network.inside, enter: network.enter });
  };
  await run(pod('migrate', ['migrate']));

  const databaseOf = (service: string, role: string, index: number) => {
    if (index === 1) return postgres.url(lossyNetwork.port);
    return service === 'users' && role === 'api' ? postgres.url(postgresNetwork.port) : postgres.url();
  };
  const serving = (service: string, role: string) => (port: number, index: number) =>
    pod(`${service}-${role}-${index + 1}`, ['start', '--services', service, '--role', role], port, {
      env: { DATABASE_URL: databaseOf(service, role, index) },
    });
  const running = kinds.map((kind) => ({ ...kind, pods: kind.ports.map(serving(kind.service, kind.role)) }));
  const gateways = gatewayPorts.map(serving(GATEWAY, 'all'));
  const pods = [...running.flatMap((kind) => kind.pods), ...gateways];
  const podsOf: System['podsOf'] = (service, role) => {
    const found = running.find((kind) => kind.service === service && kind.role === role);
    if (found === undefined) throw new Error(`no process of ${service} has the role ${role}`);
    return found.pods;
  };
  await Promise.all(pods.map((each) => each.start()));
  const balancer = startBalancer(gateways);
  stack.defer(() => balancer.close());
  const networks = { rabbitNetwork, postgresNetwork, lossyNetwork };
  return { postgres, rabbit, redis, ...networks, ask: postgres.ask, gateways, podsOf, pods, another, balancer };
}

async function run(pod: Pod): Promise<void> {
  await pod.start({ wait: false });
  const code = await pod.ended();
  if (code !== 0) throw new Error(`${pod.name} ended with ${code}:\n${await pod.output()}`);
}
