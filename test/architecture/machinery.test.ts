import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { serviceNames } from '../../apps/server/src/services.ts';

const root = resolve(import.meta.dirname, '../..');
/** The services that the command line administers and whose banner it shows. */
const KNOWN = ['users', 'mailer'];

/** What runs services, and what deploys and starts them for tests. */
const MACHINERY = [
  '{packages,apps/server}/**/*.{ts,js,json,md,sql}',
  '{scripts,test/support,test/containers}/**/*.{ts,js}',
  'deploy/{image/*,Dockerfile,.env.example}',
  'test/e2e/{stoa-process,spread-stoa,outside-services}.ts',
  'test/chaos/{system,ledger}.ts',
];

test('neither packages nor the server, nor what deploys them, name a service: one more takes a line in apps/assembly', () => {
  const files = MACHINERY.flatMap((pattern) => {
    const found = globSync(pattern, { cwd: root, exclude: ['**/node_modules'] });
    expect(found, pattern).not.toEqual([]);
    return found;
  });
  expect(files.length).toBeGreaterThan(200);
  const names = serviceNames.filter((name) => !KNOWN.includes(name));
  expect(names).not.toEqual([]);
  const named = new RegExp(`\\b(${names.join('|')})\\b`, 'i');
  expect(files.filter((file) => named.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
});
