import { randomUUID } from 'node:crypto';
import { type UserProfile, userDeleted, userProfileChanged, userProfilesSnapshot } from '@stoa/contracts';
import { fakeClock } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cleanUp } from './clean-up.ts';
import { createUserEvents } from './on-user-events.ts';
import { type PostsDatabase, postsDatabase } from './testing/posts-database.ts';
import { createWritePosts } from './write-posts.ts';

/** The handlers themselves, called in exactly the order that a test means. */
let fixture: PostsDatabase;
beforeAll(async () => {
  fixture = await postsDatabase();
});
afterAll(() => fixture[Symbol.asyncDispose]());

type Happening = 'profile v1' | 'profile v2' | 'profile v3' | 'told v1' | 'told v4' | 'deleted';
const ALL: readonly Happening[] = ['profile v1', 'profile v2', 'profile v3', 'told v1', 'told v4', 'deleted'];
const clock = fakeClock();

/** All of `happenings`, shuffled, and some of them again. */
const orders = (happenings: readonly Happening[]) =>
  fc
    .tuple(fc.constant(happenings), fc.array(fc.constantFrom(...happenings), { maxLength: 5 }))
    .chain(([once, again]) => fc.shuffledSubarray([...once, ...again], { minLength: once.length + again.length }));

function handlerFor(onUserDeleted: 'delete' | 'anonymise') {
  const { outbox, jobs, database } = fixture;
  const { consumers } = createUserEvents({ onUserDeleted, clock, outbox, jobs });
  return (event: { readonly name: string }, data: unknown, occurredAt = clock.now().toISOString()) =>
    database.transaction(async (tx) => {
      // Each takes the data of its own event: here they are found by its name.
      const taker = consumers.find((each) => each.event.name === event.name) as unknown as {
        handle(tx: unknown, data: unknown, message: { readonly occurredAt: string }): Promise<void>;
      };
      await taker.handle(tx, data, { occurredAt });
    });
}

/** Somebody with two posts, of which one is hidden, lives through `order`. @returns what is left of them. */
async function live(onUserDeleted: 'delete' | 'anonymise', order: readonly Happening[]) {
  const handle = handlerFor(onUserDeleted);
  const { query } = fixture.database;
  const userId = randomUUID();
  const posts: string[] = [randomUUID(), randomUUID()];
  const [stranger, theirs] = [randomUUID(), randomUUID()];
  await sql`insert into authors (id) values (${userId}), (${stranger})`.execute(query);
  for (const [id, author, hidden] of [
    [posts[0], userId, null],
    [posts[1], userId, clock.now()],
    [theirs, stranger, null],
  ])
    await sql`
      insert into posts (id, author_id, title, text, search, hidden_at, created_at, updated_at)
      values (${id}, ${author}, 'a', 'b', '', ${hidden}, now(), now())`.execute(query);
  const profile = (version: number): UserProfile => ({ userId, name: `Name ${version}`, version });
  const deletedAt = clock.now().toISOString();
  const happen: Record<Happening, () => Promise<void>> = {
    'profile v1': () => handle(userProfileChanged, profile(1)),
    'profile v2': () => handle(userProfileChanged, profile(2)),
    'profile v3': () => handle(userProfileChanged, profile(3)),
    'told v1': () => handle(userProfilesSnapshot, { profiles: [profile(1), { userId: randomUUID(), name: null, version: 1 }] }),
    'told v4': () => handle(userProfilesSnapshot, { profiles: [profile(1), profile(4), profile(2)] }),
    deleted: () => handle(userDeleted, { userId, deletedAt }),
  };
  for (const happening of order) await happen[happening]();
  const author = await query.selectFrom('authors').select(['name', 'deleted_at']).where('id', '=', userId).executeTakeFirst();
  const left = await query
    .selectFrom('posts')
    .select(['author_id', 'version', 'hidden_at'])
    .where('id', 'in', [...posts, theirs])
    .orderBy('hidden_at')
    .orderBy('version')
    .execute();
  const { rows: told } = await sql<{ type: string; key: string; hidden: string | null }>`
    select type, key, data->>'hidden' as hidden from outbox_events where key = any(${posts}::text[])`.execute(query);
  const events = told.map(({ type, key, hidden }) => `${type} ${posts.indexOf(key)}${hidden === 'true' ? ' hidden' : ''}`).sort();
  const shown = left.map(({ author_id, version, hidden_at }) => {
    const of = author_id === null ? 'nobody' : author_id === userId ? 'them' : 'another';
    return `${of} ${version}${hidden_at === null ? '' : ' hidden'}`;
  });
  return { name: author?.name, isGone: author?.deleted_at !== null, posts: shown.sort(), events };
}

const expectAlways = (onUserDeleted: 'delete' | 'anonymise', happenings: readonly Happening[], end: object) =>
  fc.assert(
    fc.asyncProperty(orders(happenings), async (order) => {
      expect(await live(onUserDeleted, order)).toEqual(end);
    }),
    { numRuns: 60 },
  );

describe('whatever order events come in, and however often', () => {
  test('an existing user has the newest of their names', async () => {
    const end = { name: 'Name 4', isGone: false, posts: ['another 1', 'them 1', 'them 1 hidden'], events: [] };
    await expectAlways(
      'delete',
      ALL.filter((happening) => happening !== 'deleted'),
      end,
    );
  });

  test('of a deleted user neither posts nor a name are left', async () => {
    const end = { name: null, isGone: true, posts: ['another 1'], events: ['post-deleted 0', 'post-deleted 1'] };
    await expectAlways('delete', ALL, end);
  });

  test('of a deleted user the posts stay without a name, where they are to stay', async () => {
    const end = {
      name: null,
      isGone: true,
      posts: ['another 1', 'nobody 2', 'nobody 2 hidden'],
      events: ['post-changed 0', 'post-changed 1 hidden'],
    };
    await expectAlways('anonymise', ALL, end);
  });
});

test('the deletion of an account waits for the post that is being written by it, and removes that too', async () => {
  const { outbox, database } = fixture;
  const [written, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = createWritePosts({
    database,
    clock,
    outbox: (tx) => ({
      async append(event, data) {
        written.resolve();
        await goOn.promise;
        await outbox(tx).append(event, data);
      },
    }),
  });
  const userId = randomUUID();
  await sql`insert into authors (id) values (${userId})`.execute(database.query);
  const writing = slow.create(userId, { title: 'a', text: 'b' });
  await written.promise;
  const going = handlerFor('delete')(userDeleted, { userId, deletedAt: clock.now().toISOString() });
  try {
    await eventually(async () => {
      const { rows } = await sql`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(database.query);
      expect(rows).not.toEqual([]);
    });
  } finally {
    goOn.resolve();
  }
  await Promise.all([writing, going]);
  expect(await database.query.selectFrom('posts').select('id').where('author_id', '=', userId).execute()).toEqual([]);
});

test('overlapping profiles do not block each other: many arrive at once, in opposite orders', async () => {
  const handle = handlerFor('delete');
  const ids = Array.from({ length: 200 }, () => randomUUID());
  const tell = (order: readonly string[], version: number) =>
    handle(userProfilesSnapshot, { profiles: order.map((userId) => ({ userId, name: `Name ${version}`, version })) });
  await Promise.all(Array.from({ length: 12 }, (_, n) => tell(n % 2 === 0 ? ids : ids.toReversed(), n + 1)));
  const { rows } = await sql`select distinct name, version from authors where id = any(${ids}::uuid[])`.execute(fixture.database.query);
  expect(rows).toEqual([{ name: 'Name 12', version: 12 }]);
});

test('nor when many come in one transaction, each by itself, in opposite orders', async () => {
  const { outbox, jobs, database } = fixture;
  const [changed] = createUserEvents({ onUserDeleted: 'delete', clock, outbox, jobs }).consumers;
  const ids = Array.from({ length: 30 }, () => randomUUID());
  const message = { occurredAt: clock.now().toISOString() } as Parameters<NonNullable<typeof changed>['handle']>[2];
  const tell = (order: readonly string[], version: number) =>
    database.transaction(async (tx) => {
      for (const userId of order) await changed?.handle(tx, { userId, name: `Name ${version}`, version }, message);
    });
  await Promise.all(Array.from({ length: 8 }, (_, n) => tell(n % 2 === 0 ? ids : ids.toReversed(), n + 1)));
  const { rows } = await sql`select distinct name from authors where id = any(${ids}::uuid[])`.execute(database.query);
  expect(rows).toEqual([{ name: 'Name 8' }]);
});

test('events that come when the tombstone of a deleted user is forgotten bring no name back', async () => {
  const handle = handlerFor('delete');
  const userId = randomUUID();
  const daysAgo = (days: number) => new Date(clock.now().getTime() - days * 86_400_000).toISOString();
  await handle(userDeleted, { userId, deletedAt: daysAgo(31) });
  await fixture.database.transaction<unknown>((tx) => cleanUp.handle(tx, {}));
  const profile: UserProfile = { userId, name: 'Ada', version: 1 };
  await handle(userProfileChanged, profile, daysAgo(32));
  await handle(userProfilesSnapshot, { profiles: [profile] }, daysAgo(31));
  const names = () => fixture.database.query.selectFrom('authors').select('name').where('id', '=', userId).execute();
  expect(await names()).toEqual([]);
  // The profile of an existing user comes again with the next snapshot.
  await handle(userProfilesSnapshot, { profiles: [profile] }, daysAgo(28));
  expect(await names()).toEqual([{ name: 'Ada' }]);
});
