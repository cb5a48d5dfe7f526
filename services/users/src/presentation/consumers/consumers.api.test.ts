import { randomUUID } from 'node:crypto';
import { postModerated, userProfilesRequested } from '@stoa/contracts';
import { drained } from '@stoa/messaging/testing';
import { uuidv7 } from '@stoa/service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LoggedIn, peopleOf } from '../../testing/people.ts';
import { permittedOf } from '../../testing/permitted.ts';
import { namesAfter } from '../../testing/profiles.ts';
import { somebody, type UsersUnderTest, usersUnderTest } from '../../testing/users-under-test.ts';

let users: UsersUnderTest;
let admin: LoggedIn;
beforeAll(async () => {
  users = await usersUnderTest();
  admin = await permittedOf(users).admin();
});
afterAll(() => users[Symbol.asyncDispose]());

const logged = async (postId: string) =>
  (await permittedOf(users).ask(admin.accessToken, 'GET', `/v1/audit?subject=${postId}`)).json().items;

test('what was moderated stands in the audit log once, however often it is told, as of when and where it was done', async () => {
  const [postId, authorId, id] = [randomUUID(), randomUUID(), uuidv7()];
  const at = users.clock.now().toISOString();
  users.clock.advance(60_000);
  const moderation = { postId, action: 'post-hidden', actor: `user:${admin.id}`, address: '2001:db8:0:1::/64', authorId, at } as const;
  const { correlationId } = await users.hears(postModerated, moderation, id);
  await drained(users.database);
  await users.hears(postModerated, moderation, id);
  await drained(users.database);
  expect(await logged(postId)).toEqual([
    {
      id: expect.any(String),
      at,
      action: 'post-hidden',
      actor: `user:${admin.id}`,
      subject: postId,
      address: '2001:db8:0:1::/64',
      correlationId,
      details: { authorId },
    },
  ]);
});

test('each act on a post has an entry of its own; whole addresses are not kept', async () => {
  const postId = randomUUID();
  const common = { postId, actor: 'service-account:x', authorId: null, at: users.clock.now().toISOString() };
  await users.hears(postModerated, { ...common, action: 'post-shown', address: null });
  await users.hears(postModerated, { ...common, action: 'post-deleted', address: '2001:db8:0:1:2:3:4:5' });
  await drained(users.database);
  const entries: { action: string; address: string | null; details: object }[] = await logged(postId);
  expect(Object.fromEntries(entries.map(({ action, address, details }) => [action, [address, details]]))).toEqual({
    'post-shown': [null, { authorId: null }],
    'post-deleted': ['2001:db8:0:1::/64', { authorId: null }],
  });
});

test('the profiles of all persons are told when they are asked for', async () => {
  const person = await peopleOf(users).active(Object.assign(somebody(), { fullName: 'Ada Lovelace' }));
  const pending = await users.registered();
  await drained(users.database);
  const before = users.heardBy('posts').length;
  await users.hears(userProfilesRequested, { requestId: randomUUID() });
  await drained(users.database);
  const names = namesAfter(users.heardBy('posts').slice(before));
  expect(names).toMatchObject({ [admin.id]: null, [person.id]: 'Ada Lovelace' });
  expect(names).not.toHaveProperty(pending.id);
});
