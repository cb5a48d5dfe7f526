import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { ask } from './ask.ts';
import { sharedStoa } from './shared-stoa.ts';
import { dataFolder, spawnStoa, startStoa } from './stoa-process.ts';

const main = resolve(import.meta.dirname, '../../apps/server/src/main.ts');

/** When a system is many processes, its settings lie beside the folder. */
async function examine(dataDirectory: string) {
  const doctor = spawnStoa({ dataDirectory, cwd: join(dataDirectory, '..'), command: [process.execPath, main, 'doctor'] });
  const code = await doctor.exited;
  return { code, output: doctor.output() };
}

test('the doctor finds every part of a running system, and reports it', async () => {
  const { code, output } = await examine((await sharedStoa()).dataDirectory);
  expect(output).toMatch(/✓ database of users: up to date, no dead letters/);
  expect(output).toMatch(/✓ broker: /);
  expect(output).not.toMatch(/^[✗!]/m);
  expect(code).toBe(0);
});

test('what waits for a consumer that no running copy has is wrong, named and counted', async () => {
  await using folder = await dataFolder();
  const stoa = await startStoa({ dataDirectory: folder.path });
  try {
    await ask(
      folder.path,
      'mailer',
      `insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data)
       select 'on-removed', gen_random_uuid(), 'activation-requested', 1, 'users', 'k', now(), '', '', '{}' from generate_series(1, 2)`,
    );
    const { code, output } = await examine(folder.path);
    expect(output).toMatch(/✗ database of mailer: 2 messages wait for on-removed, which no running copy has/);
    expect(code).toBe(1);
  } finally {
    await stoa.stop();
  }
});
