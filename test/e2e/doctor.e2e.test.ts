import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { sharedStoa } from './shared-stoa.ts';
import { spawnStoa } from './stoa-process.ts';

const main = resolve(import.meta.dirname, '../../apps/server/src/main.ts');

/** When a system is many processes, its settings lie beside the folder. */
async function examine() {
  const { dataDirectory } = await sharedStoa();
  const doctor = spawnStoa({ dataDirectory, cwd: join(dataDirectory, '..'), command: [process.execPath, main, 'doctor'] });
  const code = await doctor.exited;
  return { code, output: doctor.output() };
}

test('the doctor finds every part of a running system, and reports it', async () => {
  const { code, output } = await examine();
  expect(output).toMatch(/✓ database of users: up to date, no dead letters/);
  expect(output).toMatch(/✓ broker: /);
  expect(output).not.toMatch(/^[✗!]/m);
  expect(code).toBe(0);
});
