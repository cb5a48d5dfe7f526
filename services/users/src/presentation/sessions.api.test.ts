import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peopleOf, tokensOf } from '../testing/people.ts';
import { somebody, tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let people: ReturnType<typeof peopleOf>;

beforeAll(async () => {
  users = await usersUnderTest({ RATE_LIMITS: 'off' });
  people = peopleOf(users);
});
afterAll(() => users[Symbol.asyncDispose]());

const DAY_MS = 86_400_000;
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString());
const auditOf = async (id: string) => (await users.audit(id)).map(({ action }) => action);

describe('log-in', () => {
  test('by e-mail, login or phone, in any notation; the tokens say who it is', async () => {
    const person = { ...somebody(), login: `Ada${Date.now()}`, phone: '+49 30 901820' };
    const { id } = await people.active(person);
    for (const identifier of [
      person.email.toUpperCase(),
      person.login.toLowerCase(),
      ` ${person.login} `,
      '0049 (30) 90-1820',
      '+4930901820',
    ]) {
      const answer = await users.post('/v1/sessions', { identifier, password: person.password });
      expect(answer.statusCode, identifier).toBe(201);
      const { accessToken, user, ...rest } = answer.json();
      expect(rest).toEqual({ refreshToken: expect.stringMatching(/^stoa_rt_[\w-]{91}$/), tokenType: 'Bearer', expiresIn: 300 });
      expect(user).toMatchObject({ id, status: 'active', roles: ['user'] });
      expect(claimsOf(accessToken)).toMatchObject({ iss: 'stoa', aud: 'stoa', sub: id, roles: ['user'] });
    }
  });

  test('wrong password, unknown account and unreadable identifier are one answer', async () => {
    const { email } = await people.active();
    const attempts = [
      { identifier: email, password: 'not the password' },
      { identifier: 'nobody@example.com', password: 'not the password' },
      { identifier: 'nobody', password: 'not the password' },
      { identifier: '\u00b7\u00b7', password: '' },
    ];
    const bodies = [];
    for (const attempt of attempts) {
      const answer = await users.post('/v1/sessions', attempt);
      expect(answer.statusCode).toBe(401);
      bodies.push({ ...answer.json(), requestId: undefined });
    }
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
  });

  test('an account that is not active says so only to the right password', async () => {
    const person = await users.registered();
    expect((await people.logIn(person)).json()).toMatchObject({ status: 403, code: 'not_activated' });
    expect((await people.logIn({ ...person, password: 'not the password' })).json()).toMatchObject({ code: 'invalid_credentials' });
  });

  test('twenty right ones at a time all succeed, while a guesser from elsewhere is at it', async () => {
    const person = await people.active();
    const guesses = times(20, () => people.logIn({ ...person, password: 'not the password' }));
    await guesses;
    // From another address, which inject lets a test choose.
    const logIns = await times(20, () =>
      users.http.inject({
        method: 'POST',
        url: '/v1/sessions',
        remoteAddress: '198.51.100.7',
        payload: { identifier: person.email, password: person.password },
      }),
    );
    expect(tally(logIns)).toEqual({ '201': 20 });
  });

  test('failures and log-ins are audited', async () => {
    const person = await people.active();
    users.clock.advance(1);
    await people.logIn({ ...person, password: 'not the password' });
    users.clock.advance(1);
    await people.logIn(person);
    expect((await auditOf(person.id)).slice(-2)).toEqual(['log-in-failed', 'logged-in']);
  });

  test.for([
    [{ identifier: 'x' }, '/password'],
    [{ identifier: 'x', password: 'y', roles: ['admin'] }, '/roles'],
    [{ identifier: '', password: 'y' }, '/identifier'],
    [{ identifier: ['x'], password: 'y' }, '/identifier'],
  ])('%j is refused, naming %s', async ([body, path]) => {
    const answer = await users.post('/v1/sessions', body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors).toContainEqual(expect.objectContaining({ path }));
  });
});

describe('refresh', () => {
  test('gives a new pair; the old token then gives the same successor for ten seconds, and ends the session after', async () => {
    const first = await people.loggedIn();
    const second = tokensOf(await people.refresh(first.refreshToken));
    expect(second.refreshToken).not.toBe(first.refreshToken);
    users.clock.advance(10_000);
    const again = await people.refresh(first.refreshToken);
    expect(again.statusCode).toBe(200);
    expect(tokensOf(again).refreshToken).toBe(second.refreshToken);
    users.clock.advance(1);
    expect((await people.refresh(first.refreshToken)).json()).toMatchObject({ status: 401, code: 'refresh_token_reused' });
    expect((await people.refresh(second.refreshToken)).json()).toMatchObject({ status: 401, code: 'refresh_token_invalid' });
    expect(await auditOf(first.id)).toContain('refresh-token-reused');
    await eventually(async () => expect((await people.as(second.accessToken)).statusCode).toBe(401), { timeoutMs: 1_000 });
  });

  test('the one before the last is reuse, even within ten seconds', async () => {
    const first = await people.loggedIn();
    const second = tokensOf(await people.refresh(first.refreshToken));
    await people.refresh(second.refreshToken);
    expect((await people.refresh(first.refreshToken)).json().code).toBe('refresh_token_reused');
  });

  test('one token twenty times at once: one successor, the session lives', async () => {
    const { refreshToken } = await people.loggedIn();
    const answers = await times(20, () => people.refresh(refreshToken));
    expect(tally(answers)).toEqual({ '200': 20 });
    const successors = new Set(answers.map((answer) => tokensOf(answer).refreshToken));
    expect(successors.size).toBe(1);
    const [successor] = [...successors] as [string];
    expect((await people.refresh(successor)).statusCode).toBe(200);
  });

  test('a session that is not used ends after fourteen days, one that is used after ninety', async () => {
    const idle = await people.loggedIn();
    users.clock.advance(14 * DAY_MS - 1);
    const kept = await people.refresh(idle.refreshToken);
    expect(kept.statusCode).toBe(200);
    let { refreshToken } = tokensOf(kept);
    users.clock.advance(14 * DAY_MS);
    expect((await people.refresh(refreshToken)).json().code).toBe('refresh_token_invalid');

    ({ refreshToken } = await people.loggedIn());
    for (let day = 0; day < 80; day += 10) {
      users.clock.advance(10 * DAY_MS);
      ({ refreshToken } = tokensOf(await people.refresh(refreshToken)));
    }
    users.clock.advance(10 * DAY_MS - 1);
    ({ refreshToken } = tokensOf(await people.refresh(refreshToken)));
    users.clock.advance(1);
    expect((await people.refresh(refreshToken)).json().code).toBe('refresh_token_invalid');
  });

  test('what was never made here ends nothing', async () => {
    const { refreshToken } = await people.loggedIn();
    const bytes = Buffer.from(refreshToken.slice('stoa_rt_'.length), 'base64url');
    for (let position = 0; position < bytes.length; position += 1) {
      const changed = Buffer.from(bytes);
      changed[position] = (changed[position] as number) ^ 1;
      expect((await people.refresh(`stoa_rt_${changed.toString('base64url')}`)).json().code).toBe('refresh_token_invalid');
    }
    for (const text of ['', 'stoa_rt_', `${refreshToken}x`, refreshToken.toUpperCase(), '\u0000'.repeat(5)]) {
      expect([400, 401]).toContain((await people.refresh(text)).statusCode);
    }
    expect((await people.refresh(refreshToken)).statusCode).toBe(200);
  });
});

describe('log-out', () => {
  test('here: access and refresh token are dead at once, the session elsewhere lives', async () => {
    const here = await people.loggedIn();
    const there = tokensOf(await people.logIn(here, 'another device'));
    expect((await people.as(here.accessToken, 'DELETE', '/v1/sessions/current')).statusCode).toBe(204);
    expect((await people.as(here.accessToken)).json()).toMatchObject({ status: 401, code: 'token_invalid' });
    expect((await people.refresh(here.refreshToken)).json().code).toBe('refresh_token_invalid');
    expect((await people.as(there.accessToken)).json().items).toHaveLength(1);
  });

  test('there, by its id, which the list shows; not that of somebody else', async () => {
    const here = await people.loggedIn();
    users.clock.advance(1);
    const there = tokensOf(await people.logIn(here, 'another device'));
    const { items } = (await people.as(here.accessToken)).json();
    expect(items).toMatchObject([
      { device: 'another device', current: false },
      { device: 'tests', current: true },
    ]);
    const stranger = await people.loggedIn();
    const url = `/v1/sessions/${items[0].id}`;
    expect((await people.as(stranger.accessToken, 'DELETE', url)).json()).toMatchObject({ status: 404, code: 'session_not_found' });
    expect((await people.as(there.accessToken)).statusCode).toBe(200);
    expect((await people.as(here.accessToken, 'DELETE', url)).statusCode).toBe(204);
    expect((await people.as(there.accessToken)).statusCode).toBe(401);
    expect((await people.as(here.accessToken, 'DELETE', url)).statusCode).toBe(404);
  });

  test('the list has pages, and a cursor is good for its own person alone', async () => {
    const here = await people.loggedIn();
    for (let more = 0; more < 4; more += 1) {
      users.clock.advance(1);
      await people.logIn(here);
    }
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: { items: { id: string }[]; nextCursor: string | null } = (
        await people.as(here.accessToken, 'GET', `/v1/sessions?limit=2${cursor && `&cursor=${cursor}`}`)
      ).json();
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
      if (cursor === null) break;
      const stranger = await people.loggedIn();
      expect((await people.as(stranger.accessToken, 'GET', `/v1/sessions?cursor=${cursor}`)).json().code).toBe('invalid_cursor');
    }
    expect(seen).toHaveLength(5);
    expect(seen).toEqual(seen.toSorted().toReversed());
  });

  test('everywhere', async () => {
    const here = await people.loggedIn();
    const there = tokensOf(await people.logIn(here, 'another device'));
    users.clock.advance(1);
    expect((await people.as(here.accessToken, 'DELETE')).statusCode).toBe(204);
    for (const { accessToken, refreshToken } of [here, there]) {
      expect((await people.as(accessToken)).statusCode).toBe(401);
      expect((await people.refresh(refreshToken)).statusCode).toBe(401);
    }
    expect((await auditOf(here.id)).at(-1)).toBe('logged-out-everywhere');
  });

  test('everywhere, of a session too that has just ended by itself', async () => {
    const here = await people.loggedIn();
    const idle = tokensOf(await people.refresh(here.refreshToken));
    // To one second before its end: its newest access token outlives it.
    users.clock.advance(14 * DAY_MS - 1_000);
    const other = tokensOf(await people.logIn(here));
    await users.database.query
      .updateTable('sessions')
      .set({ idle_expires_at: users.clock.now() })
      .where('user_id', '=', here.id)
      .where('generation', '=', 2)
      .execute();
    expect((await people.refresh(idle.refreshToken)).statusCode).toBe(401);
    const { accessToken } = other;
    await people.as(accessToken, 'DELETE');
    const revoked = await users.database.query.selectFrom('revocations').select('session_id').execute();
    const ended = await users.database.query.selectFrom('sessions').select('id').where('user_id', '=', here.id).execute();
    expect(revoked.map(({ session_id }) => session_id)).toEqual(expect.arrayContaining(ended.map(({ id }) => id)));
  });

  test('on another copy of the service within a second', async () => {
    const copy = await users.another();
    const here = await people.loggedIn();
    const ask = () => copy.http.inject({ url: '/v1/sessions', headers: { authorization: `Bearer ${here.accessToken}` } });
    expect((await ask()).statusCode).toBe(200);
    await people.as(here.accessToken, 'DELETE', '/v1/sessions/current');
    await eventually(async () => expect((await ask()).statusCode).toBe(401), { timeoutMs: 1_000 });
    await copy.stop();
  });

  test('against refresh, 200 rounds: after it nothing of the session lives', async () => {
    const person = await people.active();
    for (let round = 0; round < 200; round += 1) {
      const { accessToken, refreshToken } = tokensOf(await people.logIn(person));
      const [refreshed, loggedOut] = await Promise.all(
        round % 2 === 0
          ? [people.refresh(refreshToken), people.as(accessToken, 'DELETE', '/v1/sessions/current')]
          : await Promise.all([people.as(accessToken, 'DELETE', '/v1/sessions/current'), people.refresh(refreshToken)]).then(([a, b]) => [
              b,
              a,
            ]),
      );
      expect(loggedOut?.statusCode).toBe(204);
      expect([200, 401]).toContain(refreshed?.statusCode);
      if (refreshed?.statusCode !== 200) continue;
      const late = tokensOf(refreshed);
      expect((await people.as(late.accessToken)).statusCode).toBe(401);
      expect((await people.refresh(late.refreshToken)).statusCode).toBe(401);
    }
  });
});

/** Gives the account so many live sessions, as many log-ins made them, the last one a moment ago. */
const giveSessions = (id: string, count: number) =>
  sql`
    insert into sessions (id, user_id, generation, digest, created_at, refreshed_at, idle_expires_at, expires_at, device)
    select (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-' || right(${id}::text, 12))::uuid, ${id}::uuid, 1, sha256(n::text::bytea), now, now, soon, soon, 'robot'
    from generate_series(1, ${count}::integer) as n,
      (values (${users.clock.now()}::timestamptz, ${new Date(users.clock.now().getTime() + DAY_MS)}::timestamptz)) as times (now, soon)`.execute(
    users.database.query,
  );
const liveOf = async (id: string) =>
  (
    await users.database.query
      .selectFrom('sessions')
      .select('id')
      .where('user_id', '=', id)
      .where('ended_at', 'is', null)
      .orderBy('id')
      .execute()
  ).map((session) => session.id);

describe('an account with more sessions than a statement has parameters', () => {
  const MANY = 16_384;

  test('is logged out everywhere, and each of them is told as ended', async () => {
    const here = await people.loggedIn();
    await giveSessions(here.id, MANY);
    expect((await people.as(here.accessToken, 'DELETE')).statusCode).toBe(204);
    expect(await liveOf(here.id)).toEqual([]);
    const { rows } = await sql`
      select from revocations join sessions on sessions.id = session_id where sessions.user_id = ${here.id}`.execute(users.database.query);
    expect(rows).toHaveLength(MANY + 1);
    expect((await people.as(here.accessToken)).statusCode).toBe(401);
  });

  test('gets a new password; the session in hand goes on', async () => {
    const here = await people.loggedIn();
    await giveSessions(here.id, MANY);
    const passwords = { currentPassword: here.password, newPassword: `${here.password} anew` };
    expect((await people.as(here.accessToken, 'PUT', '/v1/users/me/password', passwords)).statusCode).toBe(204);
    expect(await liveOf(here.id)).toHaveLength(1);
  });

  test('is blocked', async () => {
    const person = await people.active();
    await giveSessions(person.id, MANY);
    const admin = await people.administrator();
    expect((await people.as(admin.accessToken, 'POST', `/v1/users/${person.id}/block`)).statusCode).toBe(200);
    expect(await liveOf(person.id)).toEqual([]);
  });
});

describe('SESSIONS_PER_USER_MAX', () => {
  test('a log-in beyond it ends the oldest, with its tokens, and writes it down', async () => {
    await using few = await usersUnderTest({ RATE_LIMITS: 'off', SESSIONS_PER_USER_MAX: '2' });
    const at = peopleOf(few);
    const oldest = await at.loggedIn();
    const more = [];
    for (let n = 0; n < 2; n += 1) {
      expect((await at.as(oldest.accessToken)).statusCode).toBe(200);
      few.clock.advance(1);
      more.push(tokensOf(await at.logIn(oldest)));
    }
    expect((await at.as(oldest.accessToken)).statusCode).toBe(401);
    expect((await at.refresh(oldest.refreshToken)).json().code).toBe('refresh_token_invalid');
    for (const { accessToken } of more) expect((await at.as(accessToken)).json().items).toHaveLength(2);
    const replaced = (await few.audit(oldest.id)).filter(({ action }) => action === 'sessions-replaced');
    expect(replaced).toMatchObject([{ actor: `user:${oldest.id}`, details: { sessions: 1 } }]);
  });

  test('a session that has just ended by itself takes the place of no live one', async () => {
    await using few = await usersUnderTest({ RATE_LIMITS: 'off', SESSIONS_PER_USER_MAX: '2', SESSION_IDLE_DAYS: '1' });
    const at = peopleOf(few);
    const used = await at.loggedIn();
    few.clock.advance(1_000);
    await at.logIn(used, 'left lying');
    few.clock.advance(DAY_MS / 2);
    const kept = tokensOf(await at.refresh(used.refreshToken));
    few.clock.advance(DAY_MS / 2);
    const newest = tokensOf(await at.logIn(used));
    expect((await at.refresh(kept.refreshToken)).statusCode).toBe(200);
    expect((await at.as(newest.accessToken)).json().items).toHaveLength(2);
  });

  test('of fifty log-ins at a time to an account that is full, no more than a hundred sessions are left', async () => {
    const person = await people.active();
    await giveSessions(person.id, 100);
    expect(tally(await times(50, () => people.logIn(person)))).toEqual({ '201': 50 });
    expect(await liveOf(person.id)).toHaveLength(100);
  });

  test('an account that had more before there was a limit is brought down by its next log-in', async () => {
    const person = await people.active();
    await giveSessions(person.id, 16_384);
    const answer = await people.logIn(person);
    expect(answer.statusCode).toBe(201);
    expect(await liveOf(person.id)).toHaveLength(100);
    expect((await people.as(tokensOf(answer).accessToken)).statusCode).toBe(200);
  });

  test('log-out everywhere and twenty log-ins at a time: each session is live, or its tokens are dead', async () => {
    const person = await people.loggedIn();
    await giveSessions(person.id, 100);
    const [loggedOut, ...logIns] = await Promise.all([
      people.as(person.accessToken, 'DELETE'),
      ...Array.from({ length: 20 }, () => people.logIn(person)),
    ]);
    expect(loggedOut?.statusCode).toBe(204);
    expect(tally(logIns)).toEqual({ '201': 20 });
    const live = await liveOf(person.id);
    for (const { accessToken } of logIns.map(tokensOf)) {
      expect((await people.as(accessToken)).statusCode).toBe(live.includes(claimsOf(accessToken).sid) ? 200 : 401);
    }
  });
});

describe('SESSION_POLICY=single', () => {
  test('a new log-in ends the earlier ones; of twenty at a time one session is left', async () => {
    await using single = await usersUnderTest({ RATE_LIMITS: 'off', SESSION_POLICY: 'single' });
    const at = peopleOf(single);
    const first = await at.loggedIn();
    const second = tokensOf(await at.logIn(first));
    expect((await at.as(first.accessToken)).statusCode).toBe(401);
    expect((await at.refresh(first.refreshToken)).statusCode).toBe(401);
    expect((await at.as(second.accessToken)).statusCode).toBe(200);
    const answers = await times(20, () => at.logIn(first));
    expect(tally(answers)).toEqual({ '201': 20 });
    const alive = await Promise.all(answers.map((answer) => at.as(tokensOf(answer).accessToken)));
    expect(tally(alive)).toEqual({ '200': 1, '401 token_invalid': 19 });
  });
});

describe('notice of a new device', () => {
  const noticesTo = (email: string) =>
    users.heardBy('mailer').filter(({ type, data }) => type === 'account-notice-requested' && (data as { email: string }).email === email);

  test('not for the first one, nor for one that is known; for another one', async () => {
    const person = await people.active();
    await people.logIn(person, 'phone');
    await people.logIn(person, 'phone');
    await people.logIn(person, 'laptop');
    await eventually(() => expect(noticesTo(person.email)).toHaveLength(1));
    expect(noticesTo(person.email)[0]?.data).toMatchObject({ notice: 'new-device', device: 'laptop', address: '127.0.0.1' });
  });
});

describe('key rotation', () => {
  test('the key set shows the key that signs', async () => {
    const { accessToken } = await people.loggedIn();
    const { kid, alg, typ } = JSON.parse(Buffer.from(accessToken.split('.')[0] as string, 'base64url').toString());
    expect({ alg, typ }).toEqual({ alg: 'EdDSA', typ: 'at+jwt' });
    const answer = await users.http.inject('/.well-known/jwks.json');
    expect(answer.json().keys).toContainEqual({ kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA', kid, x: expect.any(String) });
    expect(answer.body).not.toContain('"d"');
  });
});
