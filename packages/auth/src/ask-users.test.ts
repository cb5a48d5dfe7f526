import type { CallService } from '@stoa/http';
import { Compile } from 'typebox/compile';
import { expect, test } from 'vitest';
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

test('what was answered by number is asked on from by the snapshot that it stands for', async () => {
  const users = copyOfUsers(true, '812');
  const { cursor } = await users.ask(question);
  expect(cursor).toBe('812:812:');
  await users.ask({ ...question, cursor });
  expect(asked(users.calls)).toEqual([undefined, '812:812:']);
});

test('a copy of the version before is asked by number, in the same moment, and is heard', async () => {
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
  'a cursor that no users answers is refused: %s',
  (cursor) => {
    expect(Compile(IdentityQuestion).Check({ ...question, cursor })).toBe(false);
  },
);
