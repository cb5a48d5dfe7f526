import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimsOf, peopleOf, tokensOf } from '../testing/people.ts';
import { tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let people: ReturnType<typeof peopleOf>;

beforeAll(async () => {
  users = await usersUnderTest({ RATE_LIMITS: 'off' });
  people = peopleOf(users);
});
afterAll(() => users[Symbol.asyncDispose]());

const DAY_MS = 86_400_000;

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

  test('is logged out everywhere, and the end of each is announced', async () => {
    const here = await people.loggedIn();
    await giveSessions(here.id, MANY);
    expect((await people.as(here.accessToken, 'DELETE')).statusCode).toBe(204);
    expect(await liveOf(here.id)).toEqual([]);
    const { rows } = await sql`
      select from revocations join sessions on sessions.id = session_id where sessions.user_id = ${here.id}`.execute(users.database.query);
    expect(rows).toHaveLength(MANY + 1);
    expect((await people.as(here.accessToken)).statusCode).toBe(401);
  });

  test('gets a new password; the session of the request goes on', async () => {
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

  test('after fifty log-ins at a time to an account that is full, no more than a hundred sessions are left', async () => {
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
