import type { CallService } from '@stoa/http';
import { Compile } from 'typebox/compile';
import { IdentityAnswer, type IdentityQuestion } from './identity-feed.ts';

const isAnswer = Compile(IdentityAnswer);

/** How a process polls the feed of users: always by snapshot, as an answer by number repeats whatever an open transaction holds up. */
export function askUsers(call: CallService): (question: IdentityQuestion) => Promise<IdentityAnswer> {
  const post = (question: IdentityQuestion) => call('users', { method: 'POST', path: '/internal/identity', body: question });
  return async (question) => {
    let answer = await post(question);
    // A copy of the version before, in a rolling update, knows numbers alone.
    if (answer.status === 400 && question.cursor !== undefined) answer = await post({ ...question, cursor: toNumber(question.cursor) });
    const { status, body } = answer;
    if (status !== 200 || !isAnswer.Check(body)) throw new Error(`users answered ${status} where an identity feed was expected`);
    return { ...body, cursor: toSnapshot(body.cursor) };
  };
}

/** The oldest transaction that was open: changes from it on are all that a snapshot lacks, and some that it has. */
const toNumber = (cursor: string): string => cursor.split(':')[0] as string;

const toSnapshot = (cursor: string): string => (cursor.includes(':') ? cursor : `${cursor}:${cursor}:`);
