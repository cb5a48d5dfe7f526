import { createMessaging } from '@stoa/messaging';
import { createTestBroker } from '@stoa/messaging/testing';
import { testDatabase } from '@stoa/postgres/testing';
import { createLog, createMetrics } from '@stoa/service';
import type { PostsTables } from '../tables.ts';
import { postsSources } from './posts-under-test.ts';

/** A database of posts with its outbox and jobs, of which nothing is relayed or handled: for what is to be called in a certain order. */
export async function postsDatabase() {
  const fixture = await testDatabase<PostsTables>({ sources: postsSources, leftoversExpected: 'nothing is relayed here' });
  const { database } = fixture;
  const messaging = createMessaging<PostsTables>({
    service: 'posts',
    database,
    broker: createTestBroker(),
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
    consumers: [],
    jobs: [],
    crons: [],
    instanceId: 'test',
  });
  return { database, outbox: messaging.outbox, jobs: messaging.jobs, [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose]() };
}

export type PostsDatabase = Awaited<ReturnType<typeof postsDatabase>>;
