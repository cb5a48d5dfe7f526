import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type RabbitServer, startRabbitServer } from '@stoa/messaging/testing';
import { type RedisServer, startRedisServer } from '@stoa/redis/testing';
import { freePorts, startTcpProxy, type TcpProxy } from '@stoa/service/testing';
import { cutAtConfirm } from './amqp-frames.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { createPod, type Pod } from './pod.ts';
import { type Ask, type PostgresGround, startPostgresGround } from './postgres-ground.ts';
import { startReaper } from './reaper.ts';

/** A Stoa of many processes with everything of its own, on free ports and in a folder of its own. */
export interface House {
  readonly postgres: PostgresGround;
  readonly rabbit: RabbitServer;
  readonly redis: RedisServer;
  /** The network between all processes and RabbitMQ. It can cut connections at the next `cutsDue` confirms, but lets some through. */
  readonly rabbitNetwork: TcpProxy & { cutsDue: number };
  /** The network between the first of `usersApis` and Postgres. */
  readonly postgresNetwork: TcpProxy;
  readonly ask: Ask;
  readonly gateways: readonly Pod[];
  readonly usersApis: readonly Pod[];
  readonly usersWorkers: readonly Pod[];
  readonly mailers: readonly Pod[];
  readonly postsApis: readonly Pod[];
  readonly postsWorkers: readonly Pod[];
  /** All of them. */
  readonly pods: readonly Pod[];
  readonly balancer: Balancer;
  /** Ends all of it. @param keepLogs where a test failed: the folder with what every process printed stays, and is told. */
  stop(options: { readonly keepLogs: boolean }): Promise<void>;
}

const SETTINGS = { MAIL_URL: 'mailbox:', MAIL_RATE_PER_SECOND: '200', BCRYPT_COST: '10', RATE_LIMITS: 'off', HOST: '127.0.0.1' };

/** Of so many confirms one is cut: something must also come through. */
const PASSING = 3;

export async function startHouse(): Promise<House> {
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

async function build(folder: string, logs: string, stack: AsyncDisposableStack): Promise<Omit<House, 'stop'>> {
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
  const pod = (name: string, args: readonly string[], port = 0, more = {}) => {
    const made = createPod({ name, port, args, env: { ...env, ...more }, logs });
    stack.defer(() => made.kill());
    return made;
  };
  await run(pod('migrate', ['migrate']));

  const serving = (service: string, role: string) => (port: number, index: number) =>
    pod(`${service}-${role}-${index + 1}`, ['start', '--services', service, '--role', role], port, {
      ...(service === 'users' && role === 'api' && index === 0 ? { DATABASE_URL: postgres.url(postgresNetwork.port) } : {}),
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
  const networks = { rabbitNetwork, postgresNetwork };
  const kinds = { gateways, usersApis, usersWorkers, mailers, postsApis, postsWorkers };
  return { postgres, rabbit, redis, ...networks, ask: postgres.ask, ...kinds, pods, balancer };
}

async function run(pod: Pod): Promise<void> {
  await pod.start({ wait: false });
  const code = await pod.ended();
  if (code !== 0) throw new Error(`${pod.name} ended with ${code}:\n${await pod.output()}`);
}
