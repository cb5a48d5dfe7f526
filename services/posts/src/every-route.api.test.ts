import { serviceCredential } from '@stoa/auth';
import { askInBothCases, sendHostileBodies } from '@stoa/http/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Person, type PostsUnderTest, postsUnderTest } from './testing/posts-under-test.ts';

let stoa: PostsUnderTest;
let moderator: Person;
beforeAll(async () => {
  stoa = await postsUnderTest();
  moderator = await stoa.person('posts:moderate');
});
afterAll(() => stoa[Symbol.asyncDispose]());
const headers = ({ url }: { readonly url: string }) => ({
  authorization: url.startsWith('/internal/') ? serviceCredential(stoa.derive, 'gateway') : moderator.authorization,
});

test('every route refuses the worst bodies that it takes', async () => {
  expect(await sendHostileBodies(stoa.http, { headers })).toEqual({ faults: [], unread: [] });
});

test('every route answers for an id in upper case as in lower case', async () => {
  const { id } = await stoa.write(moderator);
  const bodies = { 'PATCH /v1/posts/:id': { text: 'Another text.' } };
  const { faults, asked } = await askInBothCases(stoa.http, { headers, bodies, id });
  expect(faults).toEqual([]);
  expect(asked).toBeGreaterThan(3);
});
