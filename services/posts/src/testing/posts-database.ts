import { migrationSourcesOf } from '@stoa/kit';
import { createMessageWriters } from '@stoa/messaging';
import { testDatabase } from '@stoa/postgres/testing';
import { posts } from '../index.ts';
import type { PostsTables } from '../tables.ts';

/** A database of posts with its outbox and jobs, of which nothing is relayed or handled: for what is to be called in a certain order. */
export async function postsDatabase() {
  const fixture = await testDatabase<PostsTables>({ sources: migrationSourcesOf(posts), leftoversExpected: 'nothing is relayed here' });
  const { database } = fixture;
  return { database, ...createMessageWriters('posts', database), [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose]() };
}

export type PostsDatabase = Awaited<ReturnType<typeof postsDatabase>>;
