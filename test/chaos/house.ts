import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Balancer, startBalancer } from './balancer.ts';
import { createPod, type Pod } from './pod.ts';
import { type Ask, type PostgresGround, startPostgresGround } from './postgres-ground.ts';

/** A Stoa with everything of its own, on free ports and in a folder of its own. */
export interface House {
  readonly postgres: PostgresGround;
  readonly ask: Ask;
  readonly gateways: readonly Pod[];
  readonly pods: readonly Pod[];
  readonly balancer: Balancer;
  /** Ends all of it. @param keepLogs where a test failed: the folder with what every process printed stays, and is told. */
  stop(options: { readonly keepLogs: boolean }): Promise<void>;
}

const SETTINGS = { MAIL_URL: 'mailbox:', MAIL_RATE_PER_SECOND: '200', BCRYPT_COST: '10', RATE_LIMITS: 'off', LOG_LEVEL: 'info' };

export async function startHouse(): Promise<House> {
  const stack = new AsyncDisposableStack();
  const folder = await mkdtemp('/tmp/stoa-chaos-');
  // As root, Postgres is another user, who must be able to pass through.
  await chmod(folder, 0o711);
  const logs = join(folder, 'logs');
  await mkdir(logs);
  stack.defer(() => rm(join(folder, 'data'), { recursive: true, force: true }));
  try {
    const postgres = await startPostgresGround(join(folder, 'data'));
    stack.defer(() => postgres.stop());
    const env = { ...SETTINGS, DATABASE_URL: postgres.url(), STOA_SECRET: randomBytes(32).toString('base64'), HOST: '127.0.0.1' };
    const pod = async (name: string, args: readonly string[], more = {}) => {
      const made = createPod({ name, port: await freePort(), args, env: { ...env, ...more }, logs });
      stack.defer(() => made.kill());
      return made;
    };
    await migrate(await pod('migrate', ['migrate']));
    const all = await pod('all', ['start']);
    await all.start();
    const balancer = startBalancer([all]);
    stack.defer(() => balancer.close());
    return {
      postgres,
      ask: postgres.ask,
      gateways: [all],
      pods: [all],
      balancer,
      async stop({ keepLogs }) {
        await stack.disposeAsync();
        if (keepLogs) console.log(`What every process printed: ${logs}`);
        else await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await stack.disposeAsync();
    console.log(`What every process printed: ${logs}`);
    throw error;
  }
}

async function migrate(pod: Pod): Promise<void> {
  await pod.start({ wait: false });
  const code = await pod.ended();
  if (code !== 0) throw new Error(`migrate ended with ${code}:\n${await pod.output()}`);
}

/** Ports that were free a moment ago, none of them twice. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
