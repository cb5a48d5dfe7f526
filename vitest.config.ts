import { defineConfig } from 'vitest/config';

/** A test's suffix is its tier, and each tier is a project: `npx vitest run --project db`. */
const everywhere = (suffix: string) => [`{apps,contracts,packages,scripts,services,test}/**/*.${suffix}.ts`];
const tiers = ['db', 'api', 'e2e', 'machine', 'services', 'browser'] as const;
const database = { globalSetup: ['test/support/test-database-server.ts'], testTimeout: 30_000, hookTimeout: 60_000 };
/** Whole processes, with their own servers: one file at a time, so that what is timed is not slowed by a neighbour. */
const processes = { fileParallelism: false, testTimeout: 120_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    allowOnly: false,
    projects: [
      { test: { name: 'unit', include: everywhere('test'), exclude: ['**/node_modules/**', ...tiers.flatMap((tier) => everywhere(`${tier}.test`))] } },
      { test: { name: 'db', include: everywhere('db.test'), ...database } },
      { test: { name: 'api', include: everywhere('api.test'), ...database } },
      { test: { name: 'e2e', include: everywhere('e2e.test'), ...processes } },
      { test: { name: 'machine', include: everywhere('machine.test'), ...processes } },
      { test: { name: 'browser', include: everywhere('browser.test'), ...database, ...processes } },
    ],
  },
});
