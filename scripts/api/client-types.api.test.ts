import { openApiOf } from '@stoa/http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peopleOf } from '../../services/users/src/testing/people.ts';
import { type UsersUnderTest, usersUnderTest } from '../../services/users/src/testing/users-under-test.ts';
import { clientTypes, compile } from './client-types.ts';
import { lintDocument } from './lint.ts';

let users: UsersUnderTest;
let types: string;
beforeAll(async () => {
  users = await usersUnderTest();
  types = await clientTypes(openApiOf(users.http));
});
afterAll(() => users[Symbol.asyncDispose]());

/** What the compiler says of a program of a client. */
const faultsOf = (program: string) =>
  compile({ 'users.ts': types, 'program.ts': `import type { components, operations } from './users.ts';\n${program}` });
/** The literal of an object must have the fields of its type: all, and no others. */
const typed = (type: string, value: unknown) => `export const value: components['schemas']['${type}'] = ${JSON.stringify(value)};`;

describe('the types of a generated client', () => {
  test('have the names and the fields of real answers', async () => {
    const { accessToken, email, password } = await peopleOf(users).loggedIn();
    const user = (await peopleOf(users).as(accessToken, 'GET', '/v1/users/me')).json();
    const tokens = (await peopleOf(users).logIn({ email, password })).json();
    const sessions = (await peopleOf(users).as(accessToken, 'GET', '/v1/sessions')).json();
    expect(faultsOf(typed('User', user))).toEqual([]);
    expect(faultsOf(typed('TokenPair', tokens))).toEqual([]);
    expect(faultsOf(typed('SessionPage', sessions))).toEqual([]);
    expect(faultsOf(typed('User', { ...user, passwordHash: 'x' }))).toEqual([expect.stringContaining('passwordHash')]);
    expect(faultsOf(typed('User', { ...user, status: 'gone' }))).toEqual([expect.stringContaining('"gone"')]);
  });

  test('have the problem of a real refusal, with the codes of its operation', async () => {
    const { email, password } = await users.registered();
    const problem = (await users.register({ email, password })).json();
    expect(problem).toMatchObject({ code: 'email_taken' });
    const refusal = (code: string) => `type Refusal = operations['registerUser']['responses'][409]['content']['application/problem+json'];
      export const refusal: Refusal = ${JSON.stringify({ ...problem, code })};`;
    expect(faultsOf(refusal('email_taken'))).toEqual([]);
    expect(faultsOf(refusal('role_taken'))).toEqual([expect.stringContaining('"role_taken"')]);
  });
});

describe('the rules for documents', () => {
  const operation = {
    operationId: 'read',
    summary: 'Read',
    security: [],
    responses: { 200: { description: 'It.' }, 404: { description: 'None.' } },
  };
  const document = (get: object) => ({
    openapi: '3.1.0',
    info: { title: 'A', version: '1' },
    servers: [{ url: '/' }],
    paths: { '/a': { get } },
  });

  test('find what a program could not read', async () => {
    expect(await lintDocument('a', document(operation))).toEqual([]);
    expect(await lintDocument('a', document({ ...operation, security: undefined }))).toEqual([
      expect.stringContaining('(security-defined)'),
    ]);
    expect(await lintDocument('a', document({ ...operation, responses: { 200: { $ref: '#/components/responses/None' } } }))).toEqual([
      expect.stringContaining('(no-unresolved-refs)'),
    ]);
  });
});
