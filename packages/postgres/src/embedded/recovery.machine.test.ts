import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLog } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { describe, expect, test } from 'vitest';
import { postgresProcessesOf } from './processes.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './start-embedded-postgres.ts';
import { scratch } from './testing/scratch.ts';
import { ask, end, outcome, spawnStarter, startProcess } from './testing/starter-process.ts';

const log = createLog({ level: 'silent' });

/** Starts in this process, checks that nothing committed is lost, and stops. @returns milliseconds until ready. */
async function recover(directory: string): Promise<number> {
  const startedAt = performance.now();
  const server: EmbeddedPostgres = await startEmbeddedPostgres({ directory, log });
  const ms = performance.now() - startedAt;
  expect(await ask(server.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
  await server.stop();
  expect(postgresProcessesOf(directory)).toEqual([]);
  return ms;
}

const postmasterOf = async (directory: string) => Number.parseInt(await readFile(join(directory, 'postmaster.pid'), 'utf8'), 10);

/** A backend may have ended since it was seen. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function startWithData(directory: string) {
  const starter = await startProcess({ directory });
  await ask(starter.url, 'create table kept as select 42 as answer');
  return starter;
}

describe('after kill -9', () => {
  test('of the process that started it, Postgres lives on; the next start ends it and serves within 15 s', async () => {
    await using folder = await scratch();
    const starter = await startWithData(join(folder.path, 'postgres'));
    await end(starter, 'SIGKILL');
    expect(await ask(starter.url, 'select 1 as alive')).toEqual([{ alive: 1 }]);
    expect(await recover(starter.directory)).toBeLessThan(15_000);
    expect(await readFile(join(starter.directory, 'stoa.log'), 'utf8')).not.toContain('was not properly shut down');
  });

  test('of process and Postgres, with a backend that computes and one in a transaction left over', async () => {
    await using folder = await scratch();
    const starter = await startWithData(join(folder.path, 'postgres'));
    const computing = ask(starter.url, 'do $$ begin loop end loop; end $$').catch(() => {});
    const waiting = ask(starter.url, 'begin; create table never (); select pg_sleep(600)').catch(() => {});
    await eventually(async () =>
      expect(await ask(starter.url, `select from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()`)).toHaveLength(2),
    );
    process.kill(await postmasterOf(starter.directory), 'SIGKILL');
    await end(starter, 'SIGKILL');
    expect(postgresProcessesOf(starter.directory).length).toBeGreaterThan(0);
    expect(await recover(starter.directory)).toBeLessThan(15_000);
    await Promise.all([computing, waiting]);
  });

  test('of process and Postgres five times in a row, each time what was committed is there', async () => {
    await using folder = await scratch();
    const directory = join(folder.path, 'postgres');
    await end(await startWithData(directory));
    for (let round = 1; round <= 5; round++) {
      const starter = await startProcess({ directory });
      const commits: number[] = [];
      const writing = (async () => {
        for (let i = 0; ; i++) {
          await ask(starter.url, `create table committed_${round}_${i} ()`);
          commits.push(i);
        }
      })().catch(() => {});
      await eventually(() => expect(commits.length).toBeGreaterThan(2));
      for (const pid of postgresProcessesOf(starter.directory)) killIfThere(pid);
      await end(starter, 'SIGKILL');
      await writing;
      const next = await startEmbeddedPostgres({ directory, log });
      const rows = await ask<{ name: string }>(
        next.url,
        `select tablename as name from pg_tables where tablename like 'committed_${round}_%'`,
      );
      expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(commits.map((i) => `committed_${round}_${i}`)));
      await next.stop();
    }
  });

  test('of a starter in the midst of the initialisation, nothing half-made stays in the way', async () => {
    await using folder = await scratch();
    const directory = join(folder.path, 'postgres');
    const child = spawnStarter({ directory });
    await eventually(
      async () => expect((await readdir(folder.path, { recursive: true })).some((name) => name.endsWith('PG_VERSION'))).toBe(true),
      { intervalMs: 5 },
    );
    // The group: initdb with its starter, as a power cut would.
    process.kill(-(child.pid as number), 'SIGKILL');
    await once(child, 'exit');
    expect(await readdir(folder.path)).toEqual([expect.stringMatching(/^postgres\.draft-/)]);

    const server = await startEmbeddedPostgres({ directory, log });
    await server.stop();
    expect(await readdir(folder.path)).toEqual(['postgres']);
  });
});

describe('a stale postmaster.pid is no obstacle', () => {
  /** The process ids of something that is not this cluster's Postgres, and how to end it. */
  const strangers: [string, () => Promise<{ pid: number; kill(): void }>][] = [
    ['whose process is gone', async () => ({ pid: 2 ** 22 - 1, kill: () => {} })],
    ['whose id belongs to another program now', async () => ({ pid: process.pid, kill: () => {} })],
    [
      'whose process is a zombie',
      async () => {
        // The shell becomes a sleep, which never asks what became of the child it inherits.
        const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
        const [line] = (await once(parent.stdout, 'data')) as [Buffer];
        const pid = Number(line.toString());
        await eventually(async () => expect(await readFile(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z /));
        return { pid, kill: () => parent.kill() };
      },
    ],
  ];

  test.each(strangers)('%s', async (_, makeStranger) => {
    await using folder = await scratch();
    const directory = join(folder.path, 'postgres');
    await end(await startWithData(directory));
    const stranger = await makeStranger();
    await writeFile(join(directory, 'postmaster.pid'), `${stranger.pid}\n${directory}\n1\n5432\n\n127.0.0.1\n  1 1\nready   \n`);
    await recover(directory);
    stranger.kill();
  });
});

describe('Postgres and the process that started it', () => {
  test('an interrupt to the whole process group does not reach Postgres; a SIGTERM to the process ends both', async () => {
    await using folder = await scratch();
    const starter = await startWithData(join(folder.path, 'postgres'));
    process.kill(-(starter.child.pid as number), 'SIGINT');
    expect(await ask(starter.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await end(starter);
    expect(starter.child.exitCode).toBe(0);
    expect(postgresProcessesOf(starter.directory)).toEqual([]);
  });

  test('when two start at once on an empty directory, one serves and the other reports that another Stoa does', async () => {
    await using folder = await scratch();
    const directory = join(folder.path, 'postgres');
    const outcomes = await Promise.all([spawnStarter({ directory }), spawnStarter({ directory })].map(outcome));
    const served = outcomes.filter((found) => 'url' in found);
    expect(served).toHaveLength(1);
    expect(outcomes).toContainEqual({ problem: expect.stringContaining('nother Stoa'), fix: expect.any(String), child: expect.anything() });
    expect(await ask(served[0]?.url ?? '', 'select 1 as alive')).toEqual([{ alive: 1 }]);
    await Promise.all(served.map((starter) => end(starter)));
  });

  test('a third start later does not take the server of a living Stoa for left over', async () => {
    await using folder = await scratch();
    const starter = await startWithData(join(folder.path, 'postgres'));
    const refused = await outcome(spawnStarter({ directory: starter.directory }));
    expect(refused).toMatchObject({ problem: expect.stringContaining(`Process ${starter.child.pid}, another Stoa`) });
    expect(await ask(starter.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await end(starter);
  });
});
