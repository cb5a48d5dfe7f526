import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { activate, latestMail, logIn, type Person, post, register, somebody } from './client.ts';
import { dataFolder, type StoaProcess, startStoa } from './stoa-process.ts';

let folder: Awaited<ReturnType<typeof dataFolder>>;
let stoa: StoaProcess;
const start = () => startStoa({ dataDirectory: folder.path, env: { MAIL_RATE_PER_SECOND: '100' } });

beforeAll(async () => {
  folder = await dataFolder();
  stoa = await start();
});
afterAll(async () => {
  await stoa.stop();
  await folder[Symbol.asyncDispose]();
});

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

async function loggedIn(person: Person = somebody()): Promise<Person & Tokens> {
  await register(stoa.url, person);
  const { code } = await latestMail(stoa.url, person.email);
  await activate(stoa.url, person, code as string);
  const answer = await logIn(stoa.url, person);
  expect(answer.status).toBe(201);
  return { ...person, ...((await answer.json()) as Tokens) };
}
const sessionsOf = ({ accessToken }: Tokens, method = 'GET', path = '') =>
  fetch(`${stoa.url}/v1/sessions${path}`, { method, headers: { authorization: `Bearer ${accessToken}` } });
const refresh = ({ refreshToken }: Tokens) => post(`${stoa.url}/v1/sessions/refresh`, { refreshToken });

test('a person logs in, stays logged in by refreshing, and logs out: the tokens are dead with the answer', async () => {
  const ada = await loggedIn();
  expect((await sessionsOf(ada)).status).toBe(200);
  const next = (await (await refresh(ada)).json()) as Tokens;
  expect((await sessionsOf(next)).status).toBe(200);
  expect((await sessionsOf(next, 'DELETE', '/current')).status).toBe(204);
  for (const dead of [ada, next]) expect((await sessionsOf(dead)).status).toBe(401);
  expect((await refresh(next)).status).toBe(401);
});

test('another program verifies a token with the key set alone', async () => {
  const { accessToken } = await loggedIn();
  const keySet = createRemoteJWKSet(new URL(`${stoa.url}/.well-known/jwks.json`));
  const { payload } = await jwtVerify(accessToken, keySet, { algorithms: ['EdDSA'], typ: 'at+jwt', issuer: 'stoa', audience: 'stoa' });
  expect(payload).toMatchObject({ roles: ['user'], sub: expect.any(String), sid: expect.any(String) });
});

test('after a kill -9 a person who was logged in still is, and a person who had logged out is not', async () => {
  const stays = await loggedIn();
  const leaves = await loggedIn();
  expect((await sessionsOf(leaves, 'DELETE')).status).toBe(204);
  await stoa.stop('SIGKILL');
  stoa = await start();
  expect((await sessionsOf(stays)).status).toBe(200);
  expect((await refresh(stays)).status).toBe(200);
  expect((await sessionsOf(leaves)).status).toBe(401);
  expect((await refresh(leaves)).status).toBe(401);
});

test('no header gives a client an identity, and internal routes are not public', async () => {
  const headers = { 'x-user-id': '1', 'x-stoa-principal': 'user:1', 'x-forwarded-user': 'admin', 'x-user-roles': 'admin' };
  expect((await fetch(`${stoa.url}/v1/sessions`, { headers })).status).toBe(401);
  expect((await post(`${stoa.url}/internal/identity`, { used: [], wait: false })).status).toBe(404);
  expect((await post(`${stoa.url}/internal/activation-codes`, {})).status).toBe(404);
});
