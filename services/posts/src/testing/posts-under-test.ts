import { startTestService, type TestCaller } from '@stoa/kit/testing';
import type { Environment } from '@stoa/service';
import { sql } from 'kysely';
import { expect } from 'vitest';
import { posts } from '../index.ts';

export { tally, times } from '@stoa/kit/testing';

export type Person = TestCaller;

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

/** The service with a clock that stands still, and what tests of posts ask of it most. */
export async function postsUnderTest(environment: Environment = {}) {
  const service = await startTestService(posts, { environment });
  const { database, send } = service;
  return {
    ...service,
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
    /** What was published of a post, in the order of its commits. */
    async eventsOf(postId: string): Promise<readonly { type: string; data: Record<string, unknown> }[]> {
      const { rows } = await sql<{ type: string; data: Record<string, unknown> }>`
        select type, data from outbox_events where key = ${postId} order by id`.execute(database.query);
      return rows;
    },
  };
}

export type PostsUnderTest = Awaited<ReturnType<typeof postsUnderTest>>;
