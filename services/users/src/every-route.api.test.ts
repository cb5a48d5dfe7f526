import { serviceCredential } from '@stoa/auth';
import { askInBothCases, sendHostileBodies } from '@stoa/http/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LoggedIn } from './testing/people.ts';
import { permittedOf } from './testing/permitted.ts';
import { basic, somebody, type UsersUnderTest, usersUnderTest } from './testing/users-under-test.ts';

let users: UsersUnderTest;
let admin: LoggedIn;
const pending = somebody();
beforeAll(async () => {
  users = await usersUnderTest({ RATE_LIMITS: 'off' });
  admin = await permittedOf(users).admin();
  expect((await users.http.inject({ method: 'POST', url: '/v1/users', payload: pending })).statusCode).toBe(201);
});
afterAll(() => users[Symbol.asyncDispose]());
const headers = ({ url }: { readonly url: string }) => ({ authorization: credentialsFor(url) });

function credentialsFor(url: string): string {
  if (url.startsWith('/internal/')) return serviceCredential(users.derive, url.includes('identity') ? 'identity' : 'mailer');
  return url.startsWith('/v1/users/activation') ? basic(pending) : `Bearer ${admin.accessToken}`;
}

test('every route refuses the worst bodies that it takes', async () => {
  expect(await sendHostileBodies(users.http, { headers })).toEqual({ faults: [], unread: [] });
});

test('every route answers for an id in upper case as in lower case', async () => {
  const bodies = {
    'PATCH /v1/users/:id': { fullName: 'Ada' },
    'PUT /v1/users/:id/roles': { roles: ['user'] },
  };
  const { faults, asked } = await askInBothCases(users.http, { headers, bodies, id: admin.id });
  expect(faults).toEqual([]);
  expect(asked).toBeGreaterThan(5);
});
