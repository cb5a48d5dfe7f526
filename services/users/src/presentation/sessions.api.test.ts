import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peopleOf, tokensOf } from '../testing/people.ts';
import { tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';

let users: UsersUnderTest;
let people: ReturnType<typeof peopleOf>;

beforeAll(async () => {
  users = await usersUnderTest({ RATE_LIMITS: 'off' });
  people = peopleOf(users);
});
afterAll(() => users[Symbol.asyncDispose]());

const DAY_MS = 86_400_000;

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
    expect(await users.actionsOn(first.id)).toContain('refresh-token-reused');
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
    expect((await users.actionsOn(here.id)).at(-1)).toBe('logged-out-everywhere');
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
