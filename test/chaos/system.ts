import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type RabbitServer, startRabbitServer } from '@stoa/messaging/testing';
import { type RedisServer, startRedisServer } from '@stoa/redis/testing';
import { freePorts, startTcpProxy, type TcpProxy } from '@stoa/service/testing';
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
  /** The network between the first of `usersApis` and Postgres. */
  readonly postgresNetwork: TcpProxy;
  /**
   * The network between Postgres and the second copy of each process that has a database. Of the next answers it can lose so many, but
   * lets some through: to a COMMIT, breaking the connection; to other statements of a transaction, and then the connection hangs.
   */
  readonly lossyNetwork: TcpProxy & { commitsDue: number; statementsDue: number };
  readonly ask: Ask;
  readonly gateways: readonly Pod[];
  readonly usersApis: readonly Pod[];
  readonly usersWorkers: readonly Pod[];
  readonly mailers: readonly Pod[];
  readonly postsApis: readonly Pod[];
  readonly postsWorkers: readonly Pod[];
  /** All of them. */
  readonly pods: readonly Pod[];
  /** One more process, not yet started. It is no part of `pods`, and ends with the system at the latest. */
  another(name: string, args: readonly string[], options?: Another): Promise<Pod>;
  readonly balancer: Balancer;
  /** Ends all of it. @param keepLogs where a test failed: the folder with what every process printed stays, and is told. */
  stop(options: { readonly keepLogs: boolean }): Promise<void>;
}

export interface Another {
  readonly env?: Readonly<Record<string, string>>;
  /** Where it runs, if not here. */
  readonly network?: VanishingNetwork;
}

const SETTINGS = { MAIL_URL: 'mailbox:', MAIL_RATE_PER_SECOND: '200', BCRYPT_COST: '10', RATE_LIMITS: 'off' };

/** Of so many confirms or answers one is lost: something must also come through. */
const PASSING = 3;

export async function startSystem(): Promise<System> {
  const folder = await mkdtemp('/tmp/stoa-chaos-');
  // As root, Postgres is another user, who must be able to pass through.
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

  const ports = { gateway: await freePorts(2), users: await freePorts(4), mailer: await freePorts(2), posts: await freePorts(4) };
  const places = (list: readonly number[]) => list.map((port) => `http://127.0.0.1:${port}`).join(',');
  const env = {
    ...SETTINGS,
    DATABASE_URL: postgres.url(),
    BROKER_URL: Object.assign(new URL(rabbit.url), { port: String(rabbitNetwork.port) }).href,
    REDIS_URL: redis.url,
    STOA_SECRET: randomBytes(32).toString('base64'),
    PUBLIC_URL: `http://127.0.0.1:${ports.gateway[0]}`,
    SERVICES_USERS_URL: places(ports.users.slice(0, 2)),
    SERVICES_MAILER_URL: places(ports.mailer),
    SERVICES_POSTS_URL: places(ports.posts.slice(0, 2)),
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
  const usersApis = ports.users.slice(0, 2).map(serving('users', 'api'));
  const usersWorkers = ports.users.slice(2).map(serving('users', 'worker'));
  const mailers = ports.mailer.map(serving('mailer', 'all'));
  const postsApis = ports.posts.slice(0, 2).map(serving('posts', 'api'));
  const postsWorkers = ports.posts.slice(2).map(serving('posts', 'worker'));
  const gateways = ports.gateway.map(serving('gateway', 'all'));
  const pods = [...usersApis, ...usersWorkers, ...mailers, ...postsApis, ...postsWorkers, ...gateways];
  await Promise.all(pods.map((each) => each.start()));
  const balancer = startBalancer(gateways);
  stack.defer(() => balancer.close());
  const networks = { rabbitNetwork, postgresNetwork, lossyNetwork };
  const kinds = { gateways, usersApis, usersWorkers, mailers, postsApis, postsWorkers };
  return { postgres, rabbit, redis, ...networks, ask: postgres.ask, ...kinds, pods, another, balancer };
}

async function run(pod: Pod): Promise<void> {
  await pod.start({ wait: false });
  const code = await pod.ended();
  if (code !== 0) throw new Error(`${pod.name} ended with ${code}:\n${await pod.output()}`);
}
