import { createPrivateKey, randomBytes } from 'node:crypto';
import { createSealing } from '@stoa/service';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { administrationOf } from './testing/administration.ts';
import { linksOf } from './testing/links.ts';
import { peopleOf } from './testing/people.ts';
import { findIn, placesOf } from './testing/secrets.ts';
import { basic, somebody, usersUnderTest, wrong } from './testing/users-under-test.ts';

/** Everything that is seen on the way, by what it is. */
function collect() {
  const seen: [string, string][] = [];
  return {
    seen,
    see<T extends string>(what: string, secret: T): T {
      seen.push([what, secret]);
      return secret;
    },
  };
}

test('no secret is in the log or the database, in any spelling, after everything that can be done', async () => {
  // Eight digits, since four may well be found in a time or an id.
  await using users = await usersUnderTest({ CODE_LENGTH: '8' });
  const people = peopleOf(users);
  const links = linksOf(users);
  const { seen, see } = collect();
  const person = { email: somebody().email, password: see('password', 'cafe\u0301 canary password') };
  const key = { 'idempotency-key': see('idempotency key', 'canary key of a registration') };

  await users.register({ ...person, password: see('refused password', 'canary\u0000 7'), fullName: 'a\0' });
  await users.register({ ...person, unknown: see('unknown field', 'canary field') });
  await users.post('/v1/users', person, key);
  await users.post('/v1/users', person, key);
  await users.register(person);
  const code = see('code', await users.codeOf(person));
  await users.activate({ ...person, password: see('guess', 'canary guess') }, code);
  await users.activate(person, see('wrong code', wrong(code)));
  expect((await users.activate(person, code)).statusCode).toBe(200);
  see('Basic credentials', basic(person).slice('Basic '.length));

  const logIn = async (password: string) => {
    const { accessToken, refreshToken } = (await people.logIn({ ...person, password })).json();
    return { accessToken: see('access token', accessToken), refreshToken: see('refresh token', refreshToken) };
  };
  await people.logIn({ ...person, password: see('wrong password', 'canary of a log-in') });
  const session = await logIn(person.password);
  const refreshed = (await people.refresh(session.refreshToken)).json();
  see('next access token', refreshed.accessToken);
  see('next refresh token', refreshed.refreshToken);
  users.clock.advance(11_000);
  expect((await people.refresh(session.refreshToken)).json().code).toBe('refresh_token_reused');

  const changed = see('changed password', 'canary that was changed');
  const { accessToken } = await logIn(person.password);
  const passwordUrl = '/v1/users/me/password';
  await people.as(accessToken, 'PUT', passwordUrl, { currentPassword: see('wrong current', 'canary of a thief'), newPassword: changed });
  expect((await people.as(accessToken, 'PUT', passwordUrl, { currentPassword: person.password, newPassword: changed })).statusCode).toBe(
    204,
  );

  const reset = see('reset token', await links.reset(person.email));
  await links.confirm(see('wrong token', randomBytes(32).toString('base64url')), 'canary with a wrong token');
  await links.confirm(reset, see('refused new password', 'canary of '.repeat(9)));
  expect((await links.confirm(reset, see('reset password', 'canary of a reset'))).statusCode).toBe(204);
  const again = await logIn('canary of a reset');
  const email = somebody().email;
  expect((await people.as(again.accessToken, 'PATCH', '/v1/users/me', { email })).statusCode).toBe(200);
  const confirmation = see('confirmation token', await links.tokenFor(email));
  expect((await users.post('/v1/email-confirmations', { token: confirmation })).statusCode).toBe(204);

  const setUpCode = see('set-up code', (await administrationOf(users).issueSetUpCode()) as string);
  const guessed = see('wrong set-up code', randomBytes(32).toString('base64url'));
  await users.post('/v1/setup', { code: guessed, ...somebody() });
  const administrator = { ...somebody(), password: see('password of the administrator', 'canary of an administrator') };
  expect((await users.post('/v1/setup', { code: setUpCode, ...administrator })).statusCode).toBe(201);

  const { accessToken: adminToken } = (await people.logIn(administrator)).json();
  // With a key, so that the answer is kept.
  const asAdministrator = { authorization: `Bearer ${adminToken}`, 'idempotency-key': 'a service account' };
  const made = await users.post('/v1/service-accounts', { name: 'shop', permissions: ['users:create'] }, asAdministrator);
  const apiKey = see('API key', made.json().apiKey as string);
  see('access token of the administrator', adminToken);
  const other = somebody().email;
  expect((await users.post('/v1/users', { email: other }, { authorization: `Bearer ${apiKey}` })).statusCode).toBe(201);
  const first = see('set-password token', await links.tokenFor(other));
  expect((await links.confirm(first, see('first password', 'canary of a beginning'))).statusCode).toBe(204);
  await links.askForReset(other);

  await users.http.inject({
    method: 'POST',
    url: `/v1/users?password=${see('query', 'canary%20query')}`,
    payload: '{"password":"canary malformed',
    headers: { 'content-type': 'application/json' },
  });
  await users.database.query.schema.alterTable('activation_requests').renameTo('gone').execute();
  expect((await users.register({ ...somebody(), password: see('password of a failure', 'canary of a failure') })).statusCode).toBe(500);
  await users.database.query.schema.alterTable('gone').renameTo('activation_requests').execute();

  for (const row of await users.database.query.selectFrom('signing_keys').selectAll().execute()) {
    const pem = createSealing(users.derive('signing-keys')).open(row.sealed_private_key, row.kid).toString();
    see('signing key', createPrivateKey(pem).export({ format: 'jwk' }).d as string);
  }
  for (const purpose of ['service:mailer', 'service:identity', 'account-link', 'activation-code', 'refresh-token', 'signing-keys']) {
    see(`derived key ${purpose}`, users.derive(purpose).toString('base64url'));
  }

  const places = await placesOf(users);
  // The search finds what is there: an address in its table and on its way, and the path in the log.
  expect(findIn(places, email)).toEqual(expect.arrayContaining(['users.email', 'outbox_sent.data', 'messages']));
  expect(findIn(places, '/v1/users/activation')).toContain('log');
  expect(places.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'account_links.digest',
      'sessions.digest',
      'outbox_sent.data',
      'audit.details',
      'idempotency_keys.answer',
      'service_accounts.digest',
    ]),
  );
  for (const [what, secret] of seen) expect(findIn(places, secret), what).toEqual([]);
  for (const { name, bytes } of places) expect(bytes.includes('canary'), name).toBe(false);
  expect(users.logged.join('')).not.toContain('$2b$');
});

test('the audit log holds no personal data, and can be neither changed nor emptied', async () => {
  await using users = await usersUnderTest();
  const person = await users.registered({ ...somebody() });
  const { id } = (await users.activate(person, person.code)).json();
  expect(JSON.stringify(await users.audit(id))).not.toContain(person.email.split('@')[0]);
  const { query } = users.database;
  await expect(query.updateTable('audit').set({ actor: 'nobody' }).execute()).rejects.toThrow('append-only');
  await expect(query.deleteFrom('audit').execute()).rejects.toThrow('append-only');
  await expect(sql`truncate audit`.execute(query)).rejects.toThrow('append-only');
  await query.deleteFrom('users').where('id', '=', id).execute();
  expect(await users.audit(id)).toHaveLength(2);
});
