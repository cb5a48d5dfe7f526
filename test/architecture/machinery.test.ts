import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { serviceNames } from '../../apps/server/src/services.ts';

const root = resolve(import.meta.dirname, '../..');
/** Whom the command line administers, and whose banner it shows. */
const KNOWN = ['users', 'mailer'];

test('neither packages nor the server name a service: one more takes a line in apps/assembly', () => {
  const files = globSync('{packages,apps/server}/**/*.{ts,js,json,md,sql}', { cwd: root, exclude: ['**/node_modules'] });
  expect(files.length).toBeGreaterThan(200);
  const names = serviceNames.filter((name) => !KNOWN.includes(name));
  expect(names).not.toEqual([]);
  const named = new RegExp(`\\b(${names.join('|')})\\b`, 'i');
  expect(files.filter((file) => named.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
});
