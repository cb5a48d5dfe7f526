import { createHash, randomUUID } from 'node:crypto';
import { createLog, fakeClock } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signAccessToken, type TokenSigningKey } from './access-tokens.ts';
import { API_KEY_PREFIX, createIdentity, type Identity } from './identity.ts';
import type { IdentityAnswer, IdentityQuestion, IdentityState, Revocation } from './identity-feed.ts';
import { generateSigningKey, openSigningKey } from './signing-keys.ts';

const log = createLog({ level: 'silent' });
const apiKey = `${API_KEY_PREFIX}${'k'.repeat(43)}`;
const accountId = randomUUID();

/** The service users as its callers see it: it answers when there is a change. */
async function system() {
  const made = await generateSigningKey();
  const state: IdentityState = {
    keys: [{ kty: 'OKP', crv: 'Ed25519', x: made.publicKey, kid: made.kid }],
    roles: { user: [], clerk: ['mails:read'] },
    serviceAccounts: [
      {
        id: accountId,
        name: 'crm',
        digest: createHash('sha256').update(apiKey).digest('base64url'),
        permissions: ['users:create'],
        expiresAt: null,
      },
    ],
  };
  return {
    signing: await openSigningKey(made),
    state,
    revocations: [] as Revocation[],
    isAway: false,
    questions: [] as IdentityQuestion[],
  };
}

describe('the identity of a process', () => {
  const clock = fakeClock(new Date('2026-11-21T09:00:00Z'));
  let users: Awaited<ReturnType<typeof system>>;
  let identity: Identity;
  let time = 0;

  beforeEach(async () => {
    users = await system();
    let cursor = 0;
    identity = createIdentity({
      log,
      clock,
      monotonic: () => time,
      ask: async (question) => {
        users.questions.push(question);
        if (users.isAway) throw new Error('users is away');
        const version = createHash('sha256').update(JSON.stringify(users.state)).digest('base64url');
        cursor += 1;
        const answer: IdentityAnswer = { cursor: String(cursor), version, revocations: users.revocations };
        return question.version === version ? answer : { ...answer, state: users.state };
      },
    });
    await identity.start();
  });
  afterEach(() => identity.stop());

  const person = randomUUID();
  const session = randomUUID();
  const tokenOf = (changes: Partial<{ roles: string[]; version: number; sessionId: string }> = {}, by: TokenSigningKey = users.signing) =>
    signAccessToken(
      {
        id: randomUUID(),
        subject: person,
        sessionId: session,
        roles: ['user', 'clerk'],
        version: 1,
        issuedAt: clock.now(),
        lifeSeconds: 300,
        ...changes,
      },
      by,
    );
  const expiresAt = () => clock.now().getTime() + 400_000;

  test('an access token is a person with the permissions of their roles', async () => {
    expect(await identity.authenticate(await tokenOf())).toEqual({
      kind: 'user',
      id: person,
      sessionId: session,
      roles: ['user', 'clerk'],
      permissions: new Set(['mails:read']),
    });
  });

  test('an API key is a service account; its use is reported', async () => {
    expect(await identity.authenticate(apiKey)).toMatchObject({
      kind: 'service-account',
      id: accountId,
      permissions: new Set(['users:create']),
    });
    await eventually(() => expect(users.questions.some(({ used }) => used.includes(accountId))).toBe(true));
    await expect(identity.authenticate(`${apiKey}x`)).rejects.toMatchObject({ code: 'token_invalid' });
  });

  test('an API key that was made elsewhere a moment ago is accepted at once; for many unknown keys users is asked once', async () => {
    const { serviceAccounts } = users.state;
    const young = `${API_KEY_PREFIX}${'y'.repeat(43)}`;
    const digest = createHash('sha256').update(young).digest('base64url');
    users.state = {
      ...users.state,
      serviceAccounts: [...serviceAccounts, { id: randomUUID(), name: 'young', digest, permissions: [], expiresAt: null }],
    };
    expect(await identity.authenticate(young)).toMatchObject({ name: 'young' });
    const before = users.questions.length;
    const madeUp = Array.from({ length: 50 }, (_, n) => `${API_KEY_PREFIX}${String(n).padStart(43, 'x')}`);
    const answers = await Promise.allSettled(madeUp.map((key) => identity.authenticate(key)));
    expect(answers.map(({ status }) => status)).toEqual(madeUp.map(() => 'rejected'));
    // Beside those that are asked all the time, every tenth of a second.
    expect(users.questions.length - before).toBeLessThan(10);
  });

  test('an API key ends at its time, to the millisecond', async () => {
    const [account] = users.state.serviceAccounts;
    users.state = { ...users.state, serviceAccounts: [{ ...account, expiresAt: clock.now().getTime() + 1_000 } as never] };
    await identity.refresh();
    clock.advance(999);
    await identity.authenticate(apiKey);
    clock.advance(1);
    await expect(identity.authenticate(apiKey)).rejects.toMatchObject({ code: 'token_invalid' });
  });

  test('a session that has ended is refused, another one of the same person is not', async () => {
    const token = await tokenOf();
    const other = await tokenOf({ sessionId: randomUUID() });
    await identity.authenticate(token);
    users.revocations = [{ kind: 'session', id: session, expiresAt: expiresAt() }];
    await identity.refresh();
    await expect(identity.authenticate(token)).rejects.toMatchObject({ code: 'token_invalid' });
    await identity.authenticate(other);
  });

  test('tokens below a version are refused, however late the notice of an earlier version comes', async () => {
    const [first, second, third] = [await tokenOf(), await tokenOf({ version: 2 }), await tokenOf({ version: 3 })];
    users.revocations = [{ kind: 'user', id: person, version: 3, expiresAt: expiresAt() }];
    await identity.refresh();
    users.revocations = [{ kind: 'user', id: person, version: 2, expiresAt: expiresAt() }];
    await identity.refresh();
    for (const dead of [first, second]) await expect(identity.authenticate(dead)).rejects.toMatchObject({ code: 'token_invalid' });
    await identity.authenticate(third);
  });

  test('a role that loses a permission loses it for tokens that are known already', async () => {
    const token = await tokenOf();
    await identity.authenticate(token);
    users.state = { ...users.state, roles: { user: [], clerk: [] } };
    await identity.refresh();
    expect(await identity.authenticate(token)).toMatchObject({ permissions: new Set() });
  });

  test('withdrawing a signing key invalidates its tokens', async () => {
    const token = await tokenOf();
    await identity.authenticate(token);
    users.state = { ...users.state, keys: [] };
    await identity.refresh();
    await expect(identity.authenticate(token)).rejects.toMatchObject({ code: 'token_invalid' });
  });

  test('a cached token expires at the same time as any other', async () => {
    const token = await tokenOf();
    await identity.authenticate(token);
    clock.advance(304_999);
    await identity.authenticate(token);
    clock.advance(1);
    await expect(identity.authenticate(token)).rejects.toMatchObject({ code: 'token_invalid' });
  });

  test('nobody is admitted once users has not answered for thirty seconds; it recovers by itself', async () => {
    const token = await tokenOf();
    users.isAway = true;
    await identity.refresh();
    time += 30_000;
    await identity.authenticate(token);
    time += 1;
    await expect(identity.authenticate(token)).rejects.toMatchObject({ code: 'identity_stale', kind: 'unavailable' });
    await expect(identity.authenticate(apiKey)).rejects.toMatchObject({ code: 'identity_stale' });
    expect(identity.health()).toMatchObject({ ok: false });
    users.isAway = false;
    await eventually(() => identity.authenticate(token));
    expect(identity.health()).toMatchObject({ ok: true });
  });

  test('a process that has changed something asks without waiting', async () => {
    const before = users.questions.length;
    await identity.refresh();
    expect(users.questions.slice(before).some(({ wait }) => !wait)).toBe(true);
  });

  test('before the first answer nobody is admitted', async () => {
    const deaf = createIdentity({ log, clock, ask: () => Promise.reject(new Error('away')) });
    await expect(deaf.authenticate(await tokenOf())).rejects.toMatchObject({ code: 'identity_stale' });
  });

  test('a use that could not be reported is reported with the next question', async () => {
    users.isAway = true;
    await identity.refresh();
    await identity.authenticate(apiKey);
    const failed = users.questions.length;
    await eventually(() => expect(users.questions.slice(failed).some(({ used }) => used.includes(accountId))).toBe(true));
    const reported = users.questions.length;
    users.isAway = false;
    await eventually(() => expect(users.questions.slice(reported).some(({ used }) => used.includes(accountId))).toBe(true));
  });

  test('after a restore of the database an older cursor is believed', async () => {
    const withoutAccounts = { ...users.state, serviceAccounts: [] };
    const answers: IdentityAnswer[] = [
      { cursor: '5000', version: 'a', state: users.state, revocations: [] },
      { cursor: '4000', version: 'b', state: withoutAccounts, revocations: [] },
    ];
    const process = createIdentity({ log, clock, ask: async () => answers.shift() as IdentityAnswer });
    await process.refresh();
    await process.authenticate(apiKey);
    await process.refresh();
    await expect(process.authenticate(apiKey)).rejects.toMatchObject({ code: 'token_invalid' });
  });

  test('when two answers cross, the one to the later question counts', async () => {
    const waiting: ((answer: IdentityAnswer) => void)[] = [];
    const process = createIdentity({ log, clock, ask: () => new Promise((resolve) => waiting.push(resolve)) });
    const [first, second] = [process.refresh(), process.refresh()];
    waiting[1]?.({ cursor: '1', version: 'b', state: { ...users.state, serviceAccounts: [] }, revocations: [] });
    await second;
    waiting[0]?.({ cursor: '1', version: 'a', state: users.state, revocations: [] });
    await first;
    await expect(process.authenticate(apiKey)).rejects.toMatchObject({ code: 'token_invalid' });
  });
});
