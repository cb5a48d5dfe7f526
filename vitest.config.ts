import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

/** A test's suffix is its tier, and each tier is a project: `npx vitest run --project=db`. */
const tiers = ['db', 'api', 'e2e', 'machine', 'services', 'browser', 'chaos', 'containers'] as const;
const files = (suffix: string) => [`{apps,contracts,packages,scripts,services,test}/**/*.${suffix}.ts`];
const exclude = [...configDefaults.exclude, 'test/architecture/fixtures'];
/** One more than there are cores, as a test waits for a database or a process half of its time. */
const maxWorkers = availableParallelism() + 1;
/** Files leave nothing behind in a process, so that they share it instead of loading everything anew. */
const shared = { isolate: false, maxWorkers };

/** One Postgres for the run, in which each test file makes databases of its own. */
const withDatabase = {
  exclude,
  ...shared,
  globalSetup: ['test/support/database-server.ts'],
  setupFiles: ['test/support/leave-nothing-behind.ts', 'test/support/answers-as-declared.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};
/** They start processes and servers of their own, and wait for them. */
const withProcesses = { exclude, ...shared, testTimeout: 120_000, hookTimeout: 120_000 };
/** Whole Stoas, one of which is shared by the files that are only its clients. */
const withStoa = { ...withProcesses, globalSetup: ['test/support/stoa-for-clients.ts'] };
/** One file at a time, and none of another group beside it, so that what is timed is not slowed by a neighbour. */
const alone = (groupOrder: number) => ({ maxWorkers: 1, fileParallelism: false, sequence: { groupOrder } });
const timed = 'test/e2e/*.alone.*.test.ts';

export default defineConfig({
  test: {
    allowOnly: false,
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
      { test: { name: 'db', include: files('db.test'), ...withDatabase } },
      { test: { name: 'api', include: files('api.test'), ...withDatabase } },
      { test: { name: 'machine', include: files('machine.test'), ...withProcesses, exclude: [...exclude, 'test/e2e'] } },
      { test: { name: 'e2e', include: [...files('e2e.test'), 'test/e2e/*.machine.test.ts'], ...withStoa, exclude: [...exclude, timed] } },
      { test: { name: 'alone', include: [timed], ...withProcesses, ...alone(1) } },
      // RabbitMQ and Redis at their standard ports: `.ci/services` brings them. Some files start, and break, servers of their own.
      { test: { name: 'services', include: files('services.test'), ...withDatabase, testTimeout: 120_000 } },
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
