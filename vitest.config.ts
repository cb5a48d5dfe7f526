import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { configDefaults, defineConfig } from 'vitest/config';
import { MixedSequencer } from './test/support/mixed-sequencer.ts';

/** Processes that tests start load what was compiled before. */
process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'node-compile-cache');

/** A test's suffix is its tier. `npx vitest run --project=integration db.test` runs one tier of those that share a project. */
const integration = ['db', 'api', 'e2e', 'machine'] as const;
const tiers = [...integration, 'services', 'browser', 'chaos', 'containers'] as const;
const files = (suffix: string) => [`{apps,contracts,packages,scripts,services,test}/**/*.${suffix}.ts`];
const exclude = [...configDefaults.exclude, 'test/architecture/fixtures'];
/** More than there are cores, as a test waits for a database or a process half of its time. */
const maxWorkers = availableParallelism() + 2;
/** Files leave nothing behind in a process, so that they share it instead of loading everything anew. */
const shared = { isolate: false, maxWorkers };

/** One Postgres for the run, in which each test file makes databases of its own. */
const database = 'test/support/database-server.ts';
/** Whole Stoas, one of which is shared by the files that are only its clients. */
const stoa = 'test/support/stoa-for-clients.ts';
/** No test's judgement: a net that a machine of half the speed does not reach. */
const limits = { testTimeout: 240_000, hookTimeout: 240_000 };
const withDatabase = {
  exclude,
  ...shared,
  globalSetup: [database],
  setupFiles: ['test/support/leave-nothing-behind.ts', 'test/support/answers-as-declared.ts'],
  ...limits,
};
/** They start processes and servers of their own, and wait for them. */
const withProcesses = { exclude, ...shared, ...limits };
const withStoa = { ...withProcesses, globalSetup: [stoa] };
/** One file at a time, and none of another group beside it, so that what is timed is not slowed by a neighbour. */
const alone = (groupOrder: number) => ({ maxWorkers: 1, fileParallelism: false, sequence: { groupOrder } });
const timed = 'test/e2e/*.alone.*.test.ts';

export default defineConfig({
  test: {
    allowOnly: false,
    sequence: { sequencer: MixedSequencer },
    projects: [
      {
        test: {
          name: 'unit',
          include: files('test'),
          ...shared,
          testTimeout: 30_000,
          exclude: [...exclude, ...tiers.flatMap((tier) => files(`${tier}.test`))],
        },
      },
      {
        test: {
          name: 'integration',
          include: integration.flatMap((tier) => files(`${tier}.test`)),
          ...withDatabase,
          globalSetup: [database, stoa],
          exclude: [...exclude, timed],
        },
      },
      { test: { name: 'alone', include: [timed], ...withProcesses, ...alone(1) } },
      // RabbitMQ and Redis at their standard ports: `.ci/services` brings them. Some files start, and break, servers of their own.
      { test: { name: 'services', include: files('services.test'), ...withDatabase } },
      // Minutes each, and no part of `npm test`.
      {
        test: {
          name: 'chaos',
          include: files('chaos.test'),
          ...withProcesses,
          isolate: true,
          ...alone(3),
          testTimeout: 1_800_000,
          hookTimeout: 400_000,
        },
      },
      // The same Stoas as many processes, on RabbitMQ and Redis.
      {
        test: {
          name: 'spread',
          include: files('e2e.test'),
          ...withStoa,
          ...alone(3),
          hookTimeout: 300_000,
          env: { STOA_TEST_TOPOLOGY: 'spread' },
        },
      },
      // The same Stoas as containers, by Docker or podman.
      {
        test: {
          name: 'containers',
          include: [...files('e2e.test'), ...files('containers.test')],
          ...withStoa,
          ...alone(3),
          // Each copy of users prints a set-up address of its own; and a container does not reach a collector on this machine's loopback.
          exclude: [...exclude, 'test/e2e/{set-up,tracing}.e2e.test.ts'],
          globalSetup: ['test/containers/build-images.ts', ...withStoa.globalSetup],
          env: { STOA_TEST_TOPOLOGY: 'containers' },
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      { test: { name: 'browser', include: files('browser.test'), ...withProcesses, ...alone(2) } },
    ],
  },
});
