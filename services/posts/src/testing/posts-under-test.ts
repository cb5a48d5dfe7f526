import { randomBytes } from 'node:crypto';
import { testIdentity } from '@stoa/auth/testing';
import { type Message, messagingMigrations } from '@stoa/messaging';
import { createTestBroker, drained } from '@stoa/messaging/testing';
import { platformMigrations } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import { createContext, createKeys, createLog, createMetrics, type Environment, fakeClock, loadConfig, uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import type { Static, TSchema } from 'typebox';
import { expect } from 'vitest';
import { posts } from '../index.ts';
import type { PostsTables } from '../tables.ts';

/** The migrations of a database of posts. */
export const postsSources = [
  { name: 'messaging', directory: messagingMigrations },
  platformMigrations,
  { name: 'posts', directory: posts.migrations as URL },
];

export interface Person {
  readonly id: string;
  readonly authorization: string;
}

/** A post as answers show it. */
export interface ShownPost {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly author: { readonly id: string; readonly name: string | null } | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface ShownPage {
  readonly items: readonly ShownPost[];
  readonly nextCursor: string | null;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE';

interface Sending {
  /** Who asks; nobody without. */
  readonly as?: Person | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface HeardEvent<S extends TSchema> {
  readonly name: string;
  readonly version: number;
  readonly source: string;
  readonly schema: S;
  key(data: Static<S>): string;
}

/** The service on a database of its own, with a clock that stands still, a bus that repeats and reorders, and a users that only takes note. */
export async function postsUnderTest(environment: Environment = {}) {
  const fixture = await testDatabase<PostsTables>({ sources: postsSources });
  const { database } = fixture;
  const clock = fakeClock();
  const broker = createTestBroker({ repeats: 0.5 });
  const toldUsers: Message[] = [];
  await broker.subscribe(
    'users',
    ['user-profiles-requested', 'post-moderated'],
    async (messages) => void toldUsers.push(...(messages as Message[])),
  );
  const who = await testIdentity();
  const derive = createKeys(randomBytes(32).toString('base64'));
  const service = await posts.create({
    config: loadConfig(posts.config, environment),
    database,
    broker,
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
    derive,
    identity: who.identity,
    clock,
    instanceId: uuidv7(),
    runsBackgroundWork: true,
  });
  const { http } = service;
  await http.ready();
  await service.start();
  // The first jobs come with the start: a test that ends before them would leave them undone.
  await eventually(async () => {
    const { rows } = await sql`select from cron where next_at <= now()`.execute(database.query);
    expect(rows).toEqual([]);
  });
  await drained(database);

  const send = (method: Method, url: string, { as, body, headers }: Sending = {}) =>
    http.inject({
      method,
      url,
      headers: { ...(as && { authorization: as.authorization }), ...headers },
      ...(body !== undefined && { payload: body as object }),
    });

  return {
    database,
    clock,
    derive,
    http,
    send,
    /** What users was told, the repeats too. */
    toldUsers,
    /** Somebody whom no other test knows, and whose roles allow this. */
    async person(...permissions: string[]): Promise<Person> {
      const authorization = await who.person(...permissions);
      const { sub } = JSON.parse(Buffer.from(authorization.split('.')[1] as string, 'base64url').toString());
      return { id: sub, authorization };
    },
    /** Another back end. Its id is not known here. */
    serviceAccount: async (...permissions: string[]): Promise<Person> => ({
      id: '',
      authorization: await who.serviceAccount(...permissions),
    }),
    async write(as: Person, { title = 'A title', text = 'A text.' } = {}): Promise<ShownPost> {
      const answer = await send('POST', '/v1/posts', { as, body: { title, text } });
      expect(answer.statusCode, answer.body).toBe(201);
      return answer.json();
    },
    /** One page of the list. */
    async page(query = '', as?: Person): Promise<ShownPage> {
      const answer = await send('GET', `/v1/posts?${query}`, { as });
      expect(answer.statusCode, answer.body).toBe(200);
      return answer.json();
    },
    /** The tag with which a post is answered. */
    tagOf: async (id: string) => (await send('GET', `/v1/posts/${id}`)).headers['etag'] as string,
    /** What was told of a post, in the order of telling. */
    async eventsOf(postId: string): Promise<readonly { type: string; data: Record<string, unknown> }[]> {
      const { rows } = await sql<{ type: string; data: Record<string, unknown> }>`
        select type, data from outbox_events where key = ${postId} order by id`.execute(database.query);
      return rows;
    },
    /** Publishes an event as users would, and resolves when posts has handled it; it comes again as often as the bus likes. */
    async hears<S extends TSchema>(event: HeardEvent<S>, data: Static<S>, id = uuidv7()): Promise<void> {
      const { name: type, version, source } = event;
      const { correlationId, traceparent } = createContext();
      const occurredAt = new Date().toISOString();
      const message = { id, type, version, source, key: event.key(data), occurredAt, correlationId, traceparent, data };
      // Others may want it too; here is nobody else.
      await broker.publish([{ message, subscribers: ['posts'] }]);
      await eventually(async () => {
        const { rows } =
          await sql`select from inbox_seen where message_id = ${id} and not exists (select from inbox where message_id = ${id})`.execute(
            database.query,
          );
        expect(rows).not.toEqual([]);
      });
    },
    async [Symbol.asyncDispose]() {
      await drained(database);
      await http.close();
      await service.stop();
      await broker.close();
      await who[Symbol.asyncDispose]();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

export type PostsUnderTest = Awaited<ReturnType<typeof postsUnderTest>>;

/** How often each status, or status and code of a problem, was answered. */
export function tally(answers: readonly { readonly statusCode: number; readonly body: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { statusCode, body } of answers) {
    const outcome = statusCode < 400 ? `${statusCode}` : `${statusCode} ${JSON.parse(body).code}`;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

export const times = <T>(count: number, work: (index: number) => T): Promise<Awaited<T>[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));
