import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createLog } from '@stoa/service';
import { expect, test } from 'vitest';
import { findPackage } from './binaries.ts';
import { chooseUser } from './run-as.ts';
import { freePort, startServer } from './server-process.ts';
import { startEmbeddedPostgres } from './start-embedded-postgres.ts';
import { scratch } from './testing/scratch.ts';

test('a port that is taken between the check and the start is no obstacle: it takes another', async () => {
  await using folder = await scratch();
  const directory = join(folder.path, 'postgres');
  await (await startEmbeddedPostgres({ directory, log: createLog({ level: 'silent' }) })).stop();
  const rival = createServer().listen(0, '127.0.0.1');
  await once(rival, 'listening');
  const { port: taken } = rival.address() as AddressInfo;

  const ports = [taken, taken];
  const choosePort = async () => ports.shift() ?? freePort();
  const server = await startServer({
    directory,
    postgres: join(findPackage(), 'native/bin/postgres'),
    user: await chooseUser(directory),
    settings: {},
    choosePort,
  });
  expect(server.port).not.toBe(taken);
  await server.stop();
  rival.close();
});
