import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { sendRaw } from '@stoa/http/testing';
import { hash } from 'bcrypt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { administrator } from './logged-in.ts';
import { dataFolder, type StoaProcess, startStoa } from './stoa-process.ts';

/** Ten clients that only send the worst body that a route takes. */
const CONNECTIONS = 10;
const PROBES = 100;
/** How many of the bodies that take longest are sent that way. */
const STORMS = 4;
/**
 * A part of the 100 ms in which they must be answered, as a part of a hash with bcrypt 10, which takes some 50 ms on an ordinary machine and
 * twice as long on a slow one. Measured: under 0.2; with bodies that go to the parser unmeasured, 0.5 to 1.
 */
const MAX_P99_IN_HASHES = 0.4;
/** A slow moment of the machine adds time to one attempt; the cost of the code is in all of them. */
const ATTEMPTS = 3;

interface Route {
  readonly method: string;
  readonly path: string;
  /** As many bytes as its bodies may have. */
  readonly limit: number;
}

let authorization: string;
let folder: Awaited<ReturnType<typeof dataFolder>>;
let stoa: StoaProcess;
beforeAll(async () => {
  folder = await dataFolder();
  stoa = await startStoa({ dataDirectory: folder.path, env: { RATE_LIMITS: 'off', LOG_LEVEL: 'warn' } });
  ({ authorization } = await administrator(stoa));
});
afterAll(async () => {
  await stoa.stop();
  await folder[Symbol.asyncDispose]();
});

test('ten connections that send the worst body of a route without a pause leave health and a list below 100 ms', async () => {
  const routes = await routesWithBodies();
  expect(routes.length).toBeGreaterThan(10);
  const costs: { readonly request: Buffer; readonly what: string; readonly ms: number }[] = [];
  for (const route of routes) {
    for (const [name, body] of worstBodies(route.limit)) {
      const request = requestOf(route, body);
      const what = `${route.method} ${route.path}, ${name}`;
      costs.push({ request, what, ms: Math.min(await msOf(request, what), await msOf(request, what)) });
    }
  }
  const limitMs = MAX_P99_IN_HASHES * (await msOfHash());
  for (const { request, what } of costs.toSorted((a, b) => b.ms - a.ms).slice(0, STORMS)) {
    let best = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < ATTEMPTS && best >= limitMs; attempt += 1) best = Math.min(best, await p99During(request));
    expect(best, what).toBeLessThan(limitMs);
  }
});

/** How long one hash takes on this machine: the shortest of five. */
async function msOfHash(): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 5; n += 1) {
    const begun = performance.now();
    await hash('a password', 10);
    shortest = Math.min(shortest, performance.now() - begun);
  }
  return shortest;
}

/** What the server computes for a request that is refused. */
async function msOf(request: Buffer, what: string): Promise<number> {
  const before = await computedMs();
  expect([400, 401, 403], what).toContain((await sendRaw(stoa.url, request)).status);
  return (await computedMs()) - before;
}

/**
 * What the server computes until health or a list is answered, in ms at the 99th percentile, while ten connections send the request
 * without a pause. On an otherwise idle machine it is how long the answer takes.
 */
async function p99During(request: Buffer): Promise<number> {
  const storm = startStorm(request);
  const probes: number[] = [];
  for (let probe = 0; probe < PROBES; probe += 1) {
    for (const path of ['/health/live', '/v1/posts']) {
      const before = await computedMs();
      expect((await fetch(`${stoa.url}${path}`)).status).toBe(200);
      probes.push((await computedMs()) - before);
    }
  }
  expect(storm.stop(), 'answers to the storm').toBeGreaterThan(CONNECTIONS);
  return percentile(probes, 0.99);
}

/** How long the thread of the server's event loop has been on a processor: other work of the machine has no part in it. */
async function computedMs(): Promise<number> {
  const [nanoseconds] = (await readFile(`/proc/${stoa.child.pid}/schedstat`, 'utf8')).split(' ');
  return Number(nanoseconds) / 1e6;
}

/** Every public operation with a body, and how long its bodies may be, as its refusal says. */
async function routesWithBodies(): Promise<Route[]> {
  const { paths } = (await (await fetch(`${stoa.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { requestBody?: object }>>;
  };
  const operations = Object.entries(paths).flatMap(([pattern, methods]) =>
    Object.entries(methods).flatMap(([method, { requestBody }]) =>
      requestBody === undefined ? [] : [{ method: method.toUpperCase(), path: pattern.replaceAll(/\{\w+\}/g, 'x') }],
    ),
  );
  return await Promise.all(
    operations.map(async ({ method, path }) => {
      const head = `${method} ${path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100000000\r\n\r\n`;
      const { status, body } = await sendRaw(stoa.url, head);
      const detail = (JSON.parse(body) as { detail: string }).detail;
      expect(status, `${method} ${path}`).toBe(413);
      return { method, path, limit: Number(/\d+/.exec(detail)?.[0]) };
    }),
  );
}

/** Bodies of just so many bytes that make the most work: for the parser, for the validator, for what reads texts. */
function worstBodies(limit: number): [string, string][] {
  const filled = (before: string, unit: string, after: string, bytes = limit): string =>
    before + unit.repeat(Math.floor((bytes - Buffer.byteLength(before + after)) / Buffer.byteLength(unit))) + after;
  return [
    ['levels', filled('', '[', '')],
    ['lists', filled('[', '[],', '[]]')],
    ['names', filled('{', '"a":0,', '"b":0}')],
    ['marks', filled('{"text":"', `a${'\u0301\u0316'.repeat(15)}`, '"}')],
    ['letters with a mark', filled('{"text":"', 'a\u0301', '"}')],
    ['letters with a mark, as many as are brought into normal form', filled('{"text":"', 'a\u0301', '"}', limit / 3)],
    ['escapes', filled('{"text":"', '\\ud83d\\ude00', '"}')],
    ['a long name', filled('{"', 'ж', '":0}')],
    ['a long number', filled('{"a":', '9', '}')],
    ['a long number with a fraction', filled('{"a":0.', '9', '}')],
  ];
}

const requestOf = ({ method, path }: Route, body: string): Buffer =>
  Buffer.from(
    `${method} ${path} HTTP/1.1\r\nhost: a\r\nauthorization: ${authorization}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );

/** Each connection sends the request again as soon as it is answered. */
function startStorm(request: Buffer) {
  let answers = 0;
  const sockets = Array.from({ length: CONNECTIONS }, (): Socket => {
    const socket = connect(Number(new URL(stoa.url).port), '127.0.0.1', () => socket.write(request));
    socket.on('data', (chunk) => {
      if (!chunk.includes('HTTP/1.1 ')) return;
      answers += 1;
      socket.write(request);
    });
    return socket.on('error', () => {});
  });
  return {
    /** @returns how many answers came. */
    stop(): number {
      for (const socket of sockets) socket.destroy();
      return answers;
    },
  };
}

const percentile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] as number;
