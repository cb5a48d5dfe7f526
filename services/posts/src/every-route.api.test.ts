import { askInBothCases, sendHostileBodies } from '@stoa/http/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Person, type PostsUnderTest, postsUnderTest } from './testing/posts-under-test.ts';

let stoa: PostsUnderTest;
let moderator: Person;
/** Dead letters are for services, and are the same code in each: users is walked with the credential of one. */
const UNREAD = ['/:id/replay', '/replays', '/replays/:replay'].map((path) => `POST /internal/dead-letters${path}`);
beforeAll(async () => {
  stoa = await postsUnderTest();
  moderator = await stoa.person('posts:moderate');
});
afterAll(() => stoa[Symbol.asyncDispose]());
const headers = () => ({ authorization: moderator.authorization });

test('every route refuses the worst bodies that it takes', async () => {
  expect(await sendHostileBodies(stoa.http, { headers })).toEqual({ faults: [], unread: UNREAD });
});

test('every route answers for an id in upper case as in lower case', async () => {
  const { id } = await stoa.write(moderator);
  const bodies = { 'PATCH /v1/posts/:id': { text: 'Another text.' } };
  const { faults, asked } = await askInBothCases(stoa.http, { headers, bodies, id });
  expect(faults).toEqual([]);
  expect(asked).toBeGreaterThan(3);
});
