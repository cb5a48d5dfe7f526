import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLog } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createDatabase } from './create-database.ts';
import { startTestServer } from './testing/index.ts';

// Names and addresses of this run alone: another may go on beside it.
const NAMESPACE = `stoa-${process.pid}`;
const [NEAR, FAR] = [`sv${process.pid}n`, `sv${process.pid}f`];
const [HERE, THERE] = [1, 2].map((host) => `10.197.${process.pid % 256}.${host}`) as [string, string];
/** The address of no machine: what is sent to it is lost without notice. */
const NOBODY = '02:00:00:00:09:99';
const script = fileURLToPath(new URL('./testing/vanishing-machine.ts', import.meta.url));
const ip = (...words: string[]) => execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });

/** Why this machine cannot have another one in a network namespace, or nothing. */
function obstacle(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it takes root on Linux to make a network namespace';
  const made = spawnSync('ip', ['netns', 'add', `${NAMESPACE}-trial`]);
  if (made.status !== 0) return `no network namespace can be made: ${made.error?.message ?? made.stderr}`;
  ip('netns', 'del', `${NAMESPACE}-trial`);
  return undefined;
}
const why = obstacle();

/** Another machine, joined to this one by a cable. */
function connectMachine() {
  spawnSync('ip', ['netns', 'del', NAMESPACE]);
  ip('netns', 'add', NAMESPACE);
  ip('link', 'add', NEAR, 'type', 'veth', 'peer', 'name', FAR);
  ip('link', 'set', FAR, 'netns', NAMESPACE);
  ip('addr', 'add', `${HERE}/24`, 'dev', NEAR);
  ip('link', 'set', NEAR, 'up');
  ip('-n', NAMESPACE, 'addr', 'add', `${THERE}/24`, 'dev', FAR);
  ip('-n', NAMESPACE, 'link', 'set', FAR, 'up');
  return {
    /** Nothing passes any more, in either direction. */
    vanish() {
      ip('neigh', 'replace', THERE, 'lladdr', NOBODY, 'dev', NEAR, 'nud', 'permanent');
      ip('-n', NAMESPACE, 'neigh', 'replace', HERE, 'lladdr', NOBODY, 'dev', FAR, 'nud', 'permanent');
    },
    remove() {
      spawnSync('ip', ['link', 'del', NEAR]);
      spawnSync('ip', ['netns', 'del', NAMESPACE]);
    },
  };
}

// Where there is none to be had, the title of a test says why.
if (why === undefined) {
  test('a machine that vanished under notifications no longer leads after half a minute', async () => {
    const machine = connectMachine();
    const log = createLog({ level: 'silent' });
    const server = await startTestServer({ listen_addresses: `127.0.0.1,${HERE}` });
    const database = createDatabase<unknown>({ url: server.url, name: 'here', log, metrics: new Registry() });
    await appendFile(join(server.directory, 'pg_hba.conf'), `host all all ${THERE}/32 scram-sha-256\n`);
    await sql`select pg_reload_conf()`.execute(database.query);
    const url = Object.assign(new URL(server.url), { hostname: HERE }).href;
    const child = spawn('ip', ['netns', 'exec', NAMESPACE, process.execPath, script, url], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      const leaders = async () =>
        (await sql`select from pg_locks join pg_stat_activity using (pid) where locktype = 'advisory'`.execute(database.query)).rows.length;
      expect(await leaders()).toBe(1);
      machine.vanish();
      const vanishedAt = performance.now();
      // A notification waits to be sent: the kernel retransmits it, and sends no keep-alive.
      await eventually(
        async () => {
          database.notify('news');
          expect(await leaders()).toBe(0);
        },
        { timeoutMs: 40_000, intervalMs: 500 },
      );
      expect(performance.now() - vanishedAt).toBeLessThan(30_000);
    } finally {
      child.kill('SIGKILL');
      machine.remove();
      await database.close();
      await server.stop();
    }
  });
} else {
  test(`a machine that vanishes cannot be tried here: ${why}`, () => {
    expect(why).toMatch(/network namespace/);
  });
}
