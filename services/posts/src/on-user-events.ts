import {
  postChanged,
  postDeleted,
  userDeleted,
  userProfileChanged,
  userProfilesRequested,
  userProfilesSnapshot,
  userProfilesTold,
} from '@stoa/contracts';
import { consumer, type EventContract, type Jobs, job, type Message, type Outbox } from '@stoa/messaging';
import { type Clock, uuidv7 } from '@stoa/service';
import { sql, type Transaction } from 'kysely';
import { Type } from 'typebox';
import { authors, keepProfiles } from './authors.ts';
import type { PostsConfig } from './config.ts';
import type { PostsTables } from './tables.ts';

type Tx = Transaction<PostsTables>;

/** So many posts of a deleted user in a transaction; the rest follows. */
const BATCH = 500;
/** A day less than a deleted user is remembered. */
const OLDEST_MS = 29 * 86_400_000;

export interface UserEventsPorts {
  readonly onUserDeleted: PostsConfig['POSTS_ON_USER_DELETED'];
  readonly clock: Clock;
  outbox(tx: Tx): Outbox;
  jobs(tx: Tx): Jobs;
}

/**
 * What posts keeps of users. Events may come late, twice and in any order: the newest version of a profile counts, and a deleted user
 * stays deleted.
 */
export function createUserEvents({ onUserDeleted, clock, outbox, jobs }: UserEventsPorts) {
  /** Of a deleted user: deletes their posts, or takes their name off them, a batch at a time. */
  const detachPosts = job({
    name: 'detach-posts',
    formerNames: ['let-posts-go'],
    // It locks posts that their writers and moderators change.
    batch: 1,
    data: Type.Object({ authorId: Type.String({ format: 'uuid' }) }, { additionalProperties: false }),
    async handle(tx: Tx, { authorId }) {
      const count = await (onUserDeleted === 'delete' ? remove : anonymise)(tx, authorId);
      if (count === BATCH) await jobs(tx).enqueue(detachPosts, { authorId });
    },
  });

  const some = (authorId: string) => sql`select id from posts where author_id = ${authorId} order by id desc limit ${BATCH} for update`;

  async function remove(tx: Tx, authorId: string): Promise<number> {
    const { rows } = await sql<{ id: string }>`delete from posts where id in (${some(authorId)}) returning id`.execute(tx);
    const deletedAt = clock.now().toISOString();
    const { append } = outbox(tx);
    await Promise.all(rows.map(({ id }) => append(postDeleted, { postId: id, deletedAt })));
    return rows.length;
  }

  async function anonymise(tx: Tx, authorId: string): Promise<number> {
    const { rows } = await sql<{ id: string; version: number; hidden: boolean }>`
      update posts set author_id = null, version = version + 1 where id in (${some(authorId)})
      returning id, version, hidden_at is not null as hidden`.execute(tx);
    const changedAt = clock.now().toISOString();
    const { append } = outbox(tx);
    await Promise.all(rows.map(({ id, ...state }) => append(postChanged, { postId: id, ...state, changedAt })));
    return rows.length;
  }

  /** Nothing older: a dead letter is replayed at any time, when the mark of a deleted user may be gone. A snapshot comes each month. */
  const keepNew = async (tx: Tx, profiles: Parameters<typeof keepProfiles>[1], { occurredAt }: Message) => {
    if (Date.parse(occurredAt) > clock.now().getTime() - OLDEST_MS) await keepProfiles(tx, profiles);
  };

  const onSnapshot = (name: string, event: EventContract<typeof userProfilesSnapshot.schema>) =>
    consumer<PostsTables, typeof userProfilesSnapshot.schema>({
      name,
      // Here and below: rows of authors, for which somebody who writes a post waits.
      batch: 1,
      event,
      handle: (tx, { profiles }, message) => keepNew(tx, profiles, message),
    });

  const consumers = [
    consumer<PostsTables, typeof userProfileChanged.schema>({
      name: 'on-user-profile-changed',
      batch: 1,
      event: userProfileChanged,
      handle: (tx, profile, message) => keepNew(tx, [profile], message),
    }),
    onSnapshot('on-user-profiles-snapshot', userProfilesSnapshot),
    onSnapshot('on-user-profiles-told', userProfilesTold),
    consumer<PostsTables, typeof userDeleted.schema>({
      name: 'on-user-deleted',
      batch: 1,
      event: userDeleted,
      async handle(tx, { userId, deletedAt }) {
        await authors.remove(tx, userId, new Date(deletedAt));
        await detachPosts.handle(tx, { authorId: userId });
      },
    }),
  ];

  /** For the users who were there before this service, and in case that something was missed; it may run at any time. */
  const askForProfiles = job({
    name: 'ask-for-profiles',
    data: Type.Object({}, { additionalProperties: false }),
    handle: (tx: Tx) => outbox(tx).append(userProfilesRequested, { requestId: uuidv7() }),
  });

  return { consumers, detachPosts, askForProfiles };
}
