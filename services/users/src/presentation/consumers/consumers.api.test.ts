import { randomUUID } from 'node:crypto';
import { auditRecorded, postModerated, userProfilesRequested } from '@stoa/contracts';
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

test('what another service did is in the audit log once, however often its event comes, with the time and place of the act', async () => {
  const [subject, id] = [randomUUID(), uuidv7()];
  const at = users.clock.now().toISOString();
  users.clock.advance(60_000);
  const details = { orderId: randomUUID(), amount: 1250, partial: true, note: null };
  const recorded = { action: 'order-refunded', actor: `user:${admin.id}`, subject, clientIp: '2001:db8:0:1::/64', details, at };
  const { correlationId } = await users.receives(auditRecorded, recorded, id);
  await users.receives(auditRecorded, recorded, id);
  expect(await logged(subject)).toEqual([
    {
      id: expect.any(String),
      at,
      action: 'order-refunded',
      actor: `user:${admin.id}`,
      subject,
      address: '2001:db8:0:1::/64',
      correlationId,
      details,
    },
  ]);
});

test('each act has an entry of its own; whole addresses are not kept', async () => {
  const subject = randomUUID();
  const common = { subject, actor: 'service-account:x', details: {}, at: users.clock.now().toISOString() };
  await users.receives(auditRecorded, { ...common, action: 'post-shown', clientIp: null });
  await users.receives(auditRecorded, { ...common, action: 'post-deleted', clientIp: '2001:db8:0:1:2:3:4:5' });
  const entries: { action: string; address: string | null }[] = await logged(subject);
  expect(Object.fromEntries(entries.map(({ action, address }) => [action, address]))).toEqual({
    'post-shown': null,
    'post-deleted': '2001:db8:0:1::/64',
  });
});

test('what posts published before there was one event for all is kept as well', async () => {
  const [postId, authorId] = [randomUUID(), randomUUID()];
  const at = users.clock.now().toISOString();
  const actor = `user:${admin.id}`;
  await users.receives(postModerated, { postId, action: 'post-hidden', actor, address: '192.0.2.1', authorId, at });
  expect(await logged(postId)).toMatchObject([
    { at, action: 'post-hidden', actor, subject: postId, address: '192.0.2.1', details: { authorId } },
  ]);
});

test('the profiles of all persons are published when they are requested', async () => {
  const person = await peopleOf(users).active(Object.assign(somebody(), { fullName: 'Ada Lovelace' }));
  const pending = await users.registered();
  await drained(users.database);
  const before = users.receivedBy('posts').length;
  await users.receives(userProfilesRequested, { requestId: randomUUID() });
  await drained(users.database);
  const names = namesAfter(users.receivedBy('posts').slice(before));
  expect(names).toMatchObject({ [admin.id]: null, [person.id]: 'Ada Lovelace' });
  expect(names).not.toHaveProperty(pending.id);
});
