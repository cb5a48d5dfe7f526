import type { CallService } from '@stoa/http';
import { Compile } from 'typebox/compile';
import { describe, expect, test } from 'vitest';
import { askUsers } from './ask-users.ts';
import { IdentityQuestion } from './identity-feed.ts';

const question = { wait: true, used: [] };
const asked = (calls: readonly IdentityQuestion[]) => calls.map(({ cursor }) => cursor);

/** A copy of users of this version, or of the one before: that one refuses a cursor that is no number. */
function copyOfUsers(knowsSnapshots: boolean, cursor: string) {
  const isQuestion = Compile(IdentityQuestion);
  const calls: IdentityQuestion[] = [];
  const call: CallService = async (_service, { body }) => {
    const question = body as IdentityQuestion;
    calls.push(question);
    const isTaken = isQuestion.Check(question) && (knowsSnapshots || /^[0-9]{1,20}$/.test(question.cursor ?? '0'));
    return isTaken ? { status: 200, body: { cursor, version: 'v', revocations: [] } } : { status: 400, body: {} };
  };
  return { calls, ask: askUsers(call) };
}

test('after an answer with a number, the next question uses the snapshot that the number stands for', async () => {
  const users = copyOfUsers(true, '812');
  const { cursor } = await users.ask(question);
  expect(cursor).toBe('812:812:');
  await users.ask({ ...question, cursor });
  expect(asked(users.calls)).toEqual([undefined, '812:812:']);
});

test('a copy of the previous version is asked again by number at once, and its answer is used', async () => {
  const users = copyOfUsers(false, '820');
  expect(await users.ask({ ...question, cursor: '812:830:812,829' })).toMatchObject({ cursor: '820:820:' });
  expect(asked(users.calls)).toEqual(['812:830:812,829', '812']);
});

test('a snapshot goes back as it came', async () => {
  const users = copyOfUsers(true, '812:830:812,829');
  expect(await users.ask({ ...question, cursor: '812:812:' })).toMatchObject({ cursor: '812:830:812,829' });
  expect(asked(users.calls)).toEqual(['812:812:']);
});

test.for(['', ':', '1:', '1:2', '1:2:,', '1:2:3,', '-1', '1:2:3:4', '0x10', '1'.repeat(21), `1:2:${'1,'.repeat(9_000)}1`])(
  'a cursor that no version of users returns is refused: %s',
  (cursor) => {
    expect(Compile(IdentityQuestion).Check({ ...question, cursor })).toBe(false);
  },
);

describe('a newer users', () => {
  const answering = (body: object) => askUsers(async () => ({ status: 200, body }))(question);
  const state = {
    keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'x', kid: 'k', use: 'sig' }],
    roles: { editor: ['notes:moderate'] },
    serviceAccounts: [{ id: '1', name: 'shop', digest: 'd', permissions: [], expiresAt: null, note: 'new' }],
    groups: [],
  };

  test('may add fields to every part of its answer', async () => {
    const revocations = [{ kind: 'session', id: '1', expiresAt: 1, reason: 'new' }];
    const answer = await answering({ cursor: '1:1:', version: 'v', state, revocations, sentAt: 1 });
    expect(answer).toMatchObject({ version: 'v', state: { roles: { editor: ['notes:moderate'] } }, revocations: [{ id: '1' }] });
  });

  test('is not believed with a revocation of an unknown kind, which this process could not apply', async () => {
    const revocations = [{ kind: 'device', id: '1', expiresAt: 1 }];
    await expect(answering({ cursor: '1:1:', version: 'v', revocations })).rejects.toThrow('users answered 200');
  });
});
