import { randomBytes } from 'node:crypto';
import { createHttp, type Http } from '@stoa/http';
import { createKeys, createLog, createMetrics } from '@stoa/service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createForwarding, FORWARDED_HEADER, installAccess, serviceCredential } from './index.ts';
import { type TestIdentity, testIdentity } from './testing/index.ts';

const derive = createKeys(randomBytes(32).toString('base64'));
const forwarding = createForwarding(derive);
let who: TestIdentity;
let http: Http;
beforeAll(async () => {
  who = await testIdentity();
  const log = createLog({ level: 'silent' });
  const health = async () => [];
  http = await createHttp({ name: 'things', title: '', description: '', version: '1', log, metrics: createMetrics(), errors: {}, health });
  installAccess(http, { identity: who.identity, derive });
  http.get('/v1/seen', { config: { access: 'anyone' } }, async ({ clientIp, context, headers }) => ({
    ips: [clientIp, context.clientIp],
    headers,
  }));
});
afterAll(async () => {
  await http.close();
  await who[Symbol.asyncDispose]();
});

const seen = async (header?: string) =>
  (await http.inject({ url: '/v1/seen', headers: header === undefined ? {} : { [FORWARDED_HEADER]: header } })).json();

test.for(['203.0.113.7', '2001:db8::7', '::ffff:203.0.113.7'])(
  'the IP address that the gateway passes on is that of the client: %s',
  async (ip) => {
    const { ips, headers } = await seen(forwarding(ip));
    expect(ips).toEqual([ip, ip]);
    // It holds a credential.
    expect(Object.keys(headers)).not.toContain(FORWARDED_HEADER);
  },
);

const other = createForwarding(createKeys(randomBytes(32).toString('base64')));
test.for([
  ['there is no header', undefined],
  ['it comes without proof', '203.0.113.7'],
  ['the proof is of another installation', other('203.0.113.7')],
  ['the proof is of another service', `${serviceCredential(derive, 'mailer')} 203.0.113.7`],
  ['the proof is cut', forwarding('203.0.113.7').slice(1)],
  ['the proof has another length in bytes', `é${forwarding('203.0.113.7').slice(1)}`],
  ['it names no IP address', forwarding('localhost')],
  ['it names two', forwarding('203.0.113.7, 203.0.113.8')],
  ['it is sent twice', `${forwarding('203.0.113.7')}, ${forwarding('203.0.113.8')}`],
  ['it is empty', ''],
] as const)('the IP address of the connection is kept when %s', async ([, header]) => {
  const { ips, headers } = await seen(header);
  expect(ips).toEqual(['127.0.0.1', '127.0.0.1']);
  expect(Object.keys(headers)).not.toContain(FORWARDED_HEADER);
});

const headersOf = async (header?: string) =>
  (await http.inject({ url: '/v1/seen', headers: header === undefined ? {} : { [FORWARDED_HEADER]: header } })).headers;

test('the headers of every answer are left to the gateway, and to no other caller', async () => {
  expect(await headersOf(forwarding('203.0.113.7'))).not.toHaveProperty('content-security-policy');
  for (const header of [undefined, other('203.0.113.7')]) expect(await headersOf(header)).toHaveProperty('content-security-policy');
});

test('a draining process closes connections of the gateway too', async () => {
  await using stack = new AsyncDisposableStack();
  const options = { name: 'things', title: '', description: '', version: '1', log: createLog({ level: 'silent' }), errors: {} };
  const ending = stack.adopt(await createHttp({ ...options, metrics: createMetrics(), health: async () => [] }), (each) => each.close());
  installAccess(ending, { identity: who.identity, derive });
  ending.get('/v1/seen', { config: { access: 'anyone' } }, async () => ({}));
  const url = await ending.listen({ port: 0, host: '127.0.0.1' });
  const connection = async () =>
    (await fetch(`${url}/v1/seen`, { headers: { [FORWARDED_HEADER]: forwarding('203.0.113.7') } })).headers.get('connection');
  expect(await connection()).toBe('keep-alive');
  ending.drain();
  expect(await connection()).toBe('close');
});
