import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { createLog, createMetrics, type Metrics } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Call, createCaller, createUpstream, readAnswer, type Upstream } from '../index.ts';
import { createAddresses, type OnName } from './addresses.ts';

/** What a service in another process may do to a call, over real connections. */
let metrics: Metrics;
let lines: { msg: string }[];
let cleanUp: (() => Promise<void>)[];
beforeEach(() => {
  metrics = createMetrics();
  lines = [];
  cleanUp = [];
});
afterEach(async () => {
  for (const step of cleanUp.toReversed()) await step();
});

function upstreamTo(...urls: string[]): Upstream {
  const log = createLog({ destination: { write: (line: string) => void lines.push(JSON.parse(line)) } });
  const upstream = createUpstream({ name: 'things', urls, log, metrics });
  cleanUp.push(() => upstream.close());
  return upstream;
}

const caller = (upstream: Upstream, timeoutMs = 10_000) => {
  const call = createCaller({ locate: () => ({ upstream }), credential: 'Service test.key', timeoutMs });
  return (path: string, more: Partial<Call> = {}) => call('things', { method: 'GET', path, ...more });
};

async function listen<S extends Server | TcpServer>(server: S, port = 0, host = '127.0.0.1'): Promise<string> {
  server.listen(port, host);
  await once(server, 'listening');
  cleanUp.push(async () => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const serve = (listener: RequestListener): Promise<string> => listen(createServer(listener));
/** Talks to each connection once its request is there. */
async function serveRaw(talk: (socket: Socket, nth: number) => void): Promise<string> {
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => talk(socket, (count += 1)));
  });
  const url = await listen(server);
  cleanUp.push(async () => {
    for (const socket of sockets) socket.destroy();
  });
  return url;
}
const json = (name: string): RequestListener => {
  return (request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ name, method: request.method, url: request.url }));
  };
};

/** A port on which nobody listens. */
async function deadUrl(): Promise<string> {
  const server = createServer();
  const url = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return url;
}

const counted = async (outcome: string) => {
  const { values = [] } = (await metrics.getSingleMetric('http_upstream_requests_total')?.get()) ?? {};
  return values.find(({ labels }) => labels['outcome'] === outcome)?.value ?? 0;
};
const repeats = async () => (await metrics.getSingleMetric('http_upstream_repeats_total')?.get())?.values[0]?.value ?? 0;
const failure = async (work: Promise<unknown>) =>
  await work.then(
    () => 'answered',
    (error: unknown) => error,
  );

describe('a call to a service in another process', () => {
  test('brings credential and body, and gets status and body', async () => {
    const url = await serve(async (request, response) => {
      const body = await text(request);
      response.statusCode = 410;
      response.end(JSON.stringify({ headers: request.headers, method: request.method, url: request.url, body }));
    });
    const answer = await caller(upstreamTo(url))('/internal/echo?a=1', { method: 'POST', body: { a: 'ü' } });
    expect(answer).toMatchObject({
      status: 410,
      body: {
        method: 'POST',
        url: '/internal/echo?a=1',
        body: '{"a":"ü"}',
        headers: { authorization: 'Service test.key', 'content-type': 'application/json', host: new URL(url).host },
      },
    });
    expect(await counted('answered')).toBe(1);
  });

  test('goes past an address that refuses, as long as there is another', async () => {
    const refusing = await serve((_request, response) => void response.writeHead(503, { 'retry-after': '1' }).end());
    const ask = caller(upstreamTo(refusing, await serve(json('well'))));
    const begun = performance.now();
    let refusals = 0;
    for (let n = 0; n < 20; n += 1) if ((await failure(ask('/'))) instanceof Error) refusals += 1;
    // Each refusal leaves the address out for a second; by turns it would be every other request.
    expect(refusals).toBeLessThanOrEqual(1 + Math.ceil((performance.now() - begun) / 1_000));
  });

  test('without a body gets one without a body', async () => {
    const url = await serve((_request, response) => void response.writeHead(204).end());
    expect(await caller(upstreamTo(url))('/')).toEqual({ status: 204, body: undefined });
  });

  test.for<[string, () => Promise<string>, string, string]>([
    ['nobody listens', deadUrl, 'cannot be reached', 'unreachable'],
    ['its name is unknown', async () => 'http://nobody.invalid:3000', 'has no address', 'unreachable'],
    ['it answers garbage', () => serveRaw((socket) => socket.end('220 mail.example ESMTP\r\n')), 'did not answer', 'broken'],
    ['it always hangs up', () => serveRaw((socket) => socket.resetAndDestroy()), 'did not answer', 'broken'],
    [
      'it breaks off',
      () => serveRaw((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"a"', () => socket.destroy())),
      'broke off its answer',
      'broken',
    ],
    ['it fails', () => serve((_request, response) => void response.writeHead(500).end('{}')), 'answered 500', 'answered'],
    ['it answers no JSON', () => serve((_request, response) => void response.end('<p>')), 'answered what is not JSON', 'answered'],
  ])('is 503 when %s', async ([, place, what, outcome]) => {
    const call = caller(upstreamTo(await place()));
    expect(await failure(call('/'))).toMatchObject({
      kind: 'unavailable',
      code: 'service_unavailable',
      message: `The service things ${what}.`,
    });
    expect(await counted(outcome)).toBe(1);
  });

  test('is 503 when it hangs, and the service sees that nobody waits any more', async () => {
    const left = Promise.withResolvers<void>();
    const url = await serve((_request, response) => {
      response.once('close', left.resolve);
    });
    const call = caller(upstreamTo(url), 100);
    expect(await failure(call('/'))).toMatchObject({ message: 'The service things did not answer within 100 ms.' });
    await left.promise;
    expect(await counted('slow')).toBe(1);
  });

  test('is 503 when its answer begins and never ends', async () => {
    const url = await serve((_request, response) => void response.write('{'));
    expect(await failure(caller(upstreamTo(url), 200)('/'))).toMatchObject({ message: 'The service things did not answer within 200 ms.' });
  });
});

describe('several addresses', () => {
  test('are used in turn', async () => {
    const call = caller(upstreamTo(await serve(json('a')), await serve(json('b')), await serve(json('c'))));
    const names: unknown[] = [];
    for (let n = 0; n < 6; n += 1) names.push(((await call('/')).body as { name: string }).name);
    expect(names.toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  });

  test('of which one refuses lose no request, whatever its method', async () => {
    const call = caller(upstreamTo(await deadUrl(), await serve(json('b'))));
    for (const method of ['POST', 'GET', 'PATCH', 'DELETE'] as const) expect((await call('/', { method })).status).toBe(200);
    // It is left out after the first.
    expect(await repeats()).toBe(1);
    expect(await counted('answered')).toBe(4);
  });

  test('of a name are all found', async () => {
    const server = createServer(json('localhost'));
    await listen(server, 0, '127.0.0.1');
    const { port } = server.address() as AddressInfo;
    // Its IPv6 address, where it has one, refuses.
    const call = caller(upstreamTo(`http://localhost:${port}`));
    for (let n = 0; n < 3; n += 1) expect((await call('/', { method: 'POST' })).status).toBe(200);
  });

  test('one that hangs gets no more requests while the others answer', async () => {
    const gate = Promise.withResolvers<void>();
    const slow = await serve(async (request, response) => {
      await gate.promise;
      json('slow')(request, response);
    });
    const call = caller(upstreamTo(slow, await serve(json('fast'))));
    const first = [call('/'), call('/')];
    await Promise.race(first);
    for (let n = 0; n < 6; n += 1) expect((await call('/')).body).toMatchObject({ name: 'fast' });
    gate.resolve();
    await Promise.all(first);
  });
});

describe('when the connection breaks under a request', () => {
  /** Hangs up on the first, answers the others; counts what arrives. */
  const flaky = async () => {
    const seen = { requests: 0 };
    const url = await serveRaw((socket, nth) => {
      seen.requests = nth;
      if (nth === 1) socket.resetAndDestroy();
      else socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}');
    });
    return { url, seen };
  };

  test.for([
    ['GET', {}],
    ['DELETE', {}],
    ['PUT', { body: '{}' }],
    ['POST', { body: '{}', hasKey: true }],
  ] as const)('%s %o is sent again', async ([method, more]) => {
    const { url, seen } = await flaky();
    expect(await readAnswer(upstreamTo(url), { method, path: '/', headers: [], ...more }, 5_000)).toEqual({ status: 200, body: '{}' });
    expect([seen.requests, await repeats()]).toEqual([2, 1]);
  });

  test.for([
    ['POST', {}],
    ['PATCH', { body: '{}' }],
    ['PUT', { body: streamed() }],
  ] as const)('%s %o is not: it may have been done', async ([method, more]) => {
    const { url, seen } = await flaky();
    const answer = readAnswer(upstreamTo(url), { method, path: '/', headers: [], ...more }, 5_000);
    expect(await failure(answer)).toMatchObject({ code: 'service_unavailable' });
    expect([seen.requests, await repeats()]).toEqual([1, 0]);
  });

  test('it is sent twice at most, as it may be what breaks them', async () => {
    let requests = 0;
    const url = await serveRaw((socket) => {
      requests += 1;
      socket.resetAndDestroy();
    });
    expect(await failure(caller(upstreamTo(url))('/'))).toMatchObject({ code: 'service_unavailable' });
    expect(requests).toBe(2);
  });

  test('one that was kept open and closed by the service meanwhile costs no request', async () => {
    const server = createServer(json('a'));
    const url = await listen(server);
    const call = caller(upstreamTo(url));
    for (let n = 0; n < 5; n += 1) {
      expect((await call('/')).status).toBe(200);
      server.closeAllConnections();
    }
  });

  async function* streamed() {
    yield Buffer.from('{}');
  }
});

test('an idle connection is closed by the caller, before a service would', async () => {
  const server = createServer({ keepAliveTimeout: 60_000 }, json('a'));
  const url = await listen(server);
  const connections = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
  await caller(upstreamTo(url))('/');
  expect(await connections()).toBe(1);
  await eventually(async () => expect(await connections()).toBe(0), { timeoutMs: 20_000 });
});

test('a service that is away is refused at once after five failures, and tried until it is back', async () => {
  const url = await deadUrl();
  const call = caller(upstreamTo(url));
  for (let n = 0; n < 5; n += 1) expect(await failure(call('/'))).toMatchObject({ message: 'The service things cannot be reached.' });
  const refusals = await Promise.all(Array.from({ length: 20 }, () => failure(call('/'))));
  expect(refusals.filter((each) => (each as Error).message === 'The service things is away.').length).toBeGreaterThanOrEqual(19);
  expect(lines.map(({ msg }) => msg)).toEqual(['a service is away: it is tried once a second']);
  await listen(createServer(json('a')), Number(new URL(url).port));
  await eventually(async () => expect(await failure(call('/'))).toBe('answered'), { timeoutMs: 20_000 });
  expect(lines.map(({ msg }) => msg)).toEqual(['a service is away: it is tried once a second', 'a service is back']);
});

describe('a service that hangs up on bodies while they come', () => {
  const hangsUp =
    (name: string): RequestListener =>
    (request, response) =>
      request.method === 'POST' ? request.socket.resetAndDestroy() : json(name)(request, response);
  async function* endless() {
    for (;;) yield Buffer.alloc(65_536);
  }
  const upload = (upstream: Upstream) => failure(readAnswer(upstream, { method: 'POST', path: '/', headers: [], body: endless() }, 5_000));

  test('is not away: others are served', async () => {
    const upstream = upstreamTo(await serve(hangsUp('a')));
    for (let n = 0; n < 8; n += 1) {
      expect(await upload(upstream)).toMatchObject({ message: 'The service things did not take the whole request.' });
    }
    expect((await caller(upstream)('/')).status).toBe(200);
    expect(lines).toEqual([]);
  });

  test('is not left out', async () => {
    const upstream = upstreamTo(await serve(hangsUp('a')), await serve(hangsUp('b')), await serve(hangsUp('c')));
    await upload(upstream);
    const names: unknown[] = [];
    for (let n = 0; n < 3; n += 1) names.push(((await caller(upstream)('/')).body as { name: string }).name);
    expect(names.toSorted()).toEqual(['a', 'b', 'c']);
  });
});

describe('a name that cannot be looked up', () => {
  test('is logged once, and is the cause of what fails for it', async () => {
    const call = caller(upstreamTo('http://nobody.invalid:3000'));
    for (let n = 0; n < 2; n += 1) {
      expect(await failure(call('/'))).toMatchObject({
        cause: { code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/), hostname: 'nobody.invalid' },
      });
    }
    expect(lines).toMatchObject([
      { msg: 'a name cannot be looked up: it is tried once a second', upstream: 'things', hostname: 'nobody.invalid' },
    ]);
  });

  test('is logged again when it can; meanwhile its addresses are kept', async () => {
    const answers = [true, false, false, true];
    const find = async () => {
      if (answers.shift() === false) throw new Error('no name server');
      return [{ address: '127.0.0.1', family: 4 }];
    };
    const told: unknown[] = [];
    const onName: OnName = (hostname, error) => told.push([hostname, (error as Error | undefined)?.message, addresses.choose()?.ip]);
    const addresses = createAddresses(['http://things:3000'], onName, find as never);
    cleanUp.push(() => addresses.close());
    await eventually(() => expect(told).toHaveLength(2), { timeoutMs: 20_000 });
    expect(told).toEqual([
      ['things', 'no name server', '127.0.0.1'],
      ['things', undefined, '127.0.0.1'],
    ]);
    expect(addresses.trouble).toBeUndefined();
  });
});
