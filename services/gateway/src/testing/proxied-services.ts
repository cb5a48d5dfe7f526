import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { testIdentity } from '@stoa/auth/testing';
import { sendRaw } from '@stoa/http/testing';
import { startRemoteSystem } from './remote-system.ts';
import { createStones, LARGE } from './stones-service.ts';

/**
 * The gateway before services in other processes, over real connections on both sides: `stones`, which behaves; `wild`, which
 * answers as a test says; `gone`, where nobody listens.
 */
export async function startProxiedServices() {
  const who = await testIdentity();
  const stones = await createStones(who);
  const wild = { answer: ((_request, response) => void response.end()) as RequestListener };
  const wildServer = createServer((request, response) => wild.answer(request, response));
  wildServer.listen(0, '127.0.0.1');
  await once(wildServer, 'listening');
  const places = {
    wild: {
      url: `http://127.0.0.1:${(wildServer.address() as AddressInfo).port}`,
      routes: [
        ...['GET', 'HEAD', 'POST', 'PUT'].map((method) => ({ method, url: '/v1/wild', bodyLimit: LARGE })),
        { method: 'GET', url: '/v1/wild/:id' },
        { method: 'POST', url: '/v1/wild/kept', idempotent: true as const },
      ],
    },
    gone: {
      url: 'http://127.0.0.1:1',
      routes: [
        { method: 'GET', url: '/v1/gone' },
        { method: 'POST', url: '/v1/gone' },
      ],
    },
  };
  const system = await startRemoteSystem(who, { services: [stones.http], places });
  const get = (path: string, init: RequestInit = {}) => fetch(`${system.url}${path}`, init);

  return {
    ...system,
    who,
    stones,
    wild,
    get,
    post: (body: string) => get('/v1/stones', { method: 'POST', body, headers: { 'content-type': 'application/json' } }),
    raw: (head: string, body = '') => sendRaw(system.url, `${head}\r\nhost: gateway.example\r\n\r\n${body}`),
    /** Before each test. */
    reset() {
      stones.reset();
      system.lines.length = 0;
    },
    async [Symbol.asyncDispose]() {
      stones.gate.resolve();
      await system[Symbol.asyncDispose]();
      wildServer.closeAllConnections();
      wildServer.close();
      await who[Symbol.asyncDispose]();
    },
  };
}

export type ProxiedServices = Awaited<ReturnType<typeof startProxiedServices>>;
