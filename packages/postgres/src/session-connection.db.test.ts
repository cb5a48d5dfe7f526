import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createLog } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectionOptions } from './connection-options.ts';
import { createSessionConnection } from './session-connection.ts';
import { type TestDatabase, testDatabase } from './testing/index.ts';

let fixture: TestDatabase<unknown>;

beforeAll(async () => {
  fixture = await testDatabase();
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** A network between us and the server that can fall silent without closing anything, as a pulled cable does. */
async function cable(target: URL): Promise<{ url: string; pull(): void } & AsyncDisposable> {
  const sockets: Socket[] = [];
  const proxy = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => {});
    sockets.push(near, far);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  return {
    url: Object.assign(new URL(target), { hostname: '127.0.0.1', port: String(port) }).href,
    pull() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}

test('a server that falls silent counts as lost, and a new connection takes the place', async () => {
  await using line = await cable(new URL(fixture.url));
  const prepared: boolean[] = [];
  const connection = createSessionConnection({
    options: connectionOptions(line.url, 'silent'),
    log: createLog({ level: 'silent' }),
    name: 'silent',
    heartbeatMs: 100,
    prepare: async (_, again) => void prepared.push(again),
    notified: () => {},
  });
  const first = await connection.link();
  expect(await first.query('select 1 as alive')).toEqual([{ alive: 1 }]);
  line.pull();
  await eventually(() => expect(first.lost.aborted).toBe(true));
  const second = await connection.link();
  expect(await second.query('select 2 as alive')).toEqual([{ alive: 2 }]);
  expect(prepared).toEqual([false, true]);
  await connection.close();
});
