import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataFolder, type StoaProcess, spawnStoa, startStoa } from './stoa-process.ts';

const main = resolve(import.meta.dirname, '../../apps/server/src/main.ts');
let folder: Awaited<ReturnType<typeof dataFolder>>;
let stoa: StoaProcess | undefined;
beforeAll(async () => {
  folder = await dataFolder();
  stoa = await startStoa({ dataDirectory: folder.path });
});
afterAll(async () => {
  await stoa?.stop();
  await folder[Symbol.asyncDispose]();
});

/** Where a house is many processes, its settings lie beside the folder. */
async function examine(...args: string[]) {
  const doctor = spawnStoa({ dataDirectory: folder.path, cwd: join(folder.path, '..'), command: [process.execPath, main, 'doctor'], args });
  const code = await doctor.exited;
  return { code, output: doctor.output() };
}

test('the doctor finds everything of a house that runs, and says so', async () => {
  const { code, output } = await examine();
  expect(output).toMatch(/✓ database of users: up to date, no dead letters/);
  expect(output).toMatch(/✓ broker: /);
  expect(output).not.toMatch(/^[✗!]/m);
  expect(code).toBe(0);
});
