import { authErrors, requirePermission } from '@stoa/auth';
import { Answer, type Cursors, type Http, IdParams, Page, PageQuery, problems } from '@stoa/http';
import type { Kysely } from 'kysely';
import { Type } from 'typebox';
import { postsErrors } from './errors.ts';
import { answerPost, PostAnswer, PostId, toAnswer } from './post-answer.ts';
import { createFindPost, createPostList, type Match, searchPosts } from './posts.view.ts';
import type { PostsTables } from './tables.ts';

export interface ReadPostsRoutes {
  readonly query: Kysely<PostsTables>;
  readonly cursors: Cursors;
}

/** Events invalidate what is kept at once. When none comes through, what is gone is shown for no longer than this. */
const maxAgeSeconds = 1;
const ListQuery = PageQuery({
  author: Type.Optional(Type.String({ format: 'uuid', description: 'Only posts of this account.' })),
  hidden: Type.Optional(
    Type.Literal(true, { description: 'Those that moderators have hidden instead; needs the permission `posts:moderate`.' }),
  ),
  q: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'Words that must all be in title or text, whatever their case and accents; the last may be the beginning of one. If nothing has them, words that differ by a letter are looked for.',
      examples: ['analytical eng'],
    }),
  ),
});
const tags = ['posts'];

/** Reading, which is open to everybody. */
export function readPostsRoutes(http: Http, { query, cursors }: ReadPostsRoutes): void {
  const list = createPostList(query);
  const find = createFindPost(query);

  http.get(
    '/v1/posts',
    {
      config: {
        access: 'anyone',
        cache: { maxAgeSeconds, invalidatedBy: { 'post-created': '*', 'post-changed': '*', 'post-deleted': '*' } },
      },
      schema: {
        tags,
        operationId: 'listPosts',
        summary: 'List and search posts, newest first',
        querystring: ListQuery,
        response: {
          200: Answer('The posts of one page.', Page('PostPage', PostAnswer)),
          // A request for hidden ones is refused as on a route that needs the permission.
          ...problems(authErrors, 'token_missing', 'permission_denied'),
        },
      },
    },
    async (request) => {
      const { limit, cursor, ...filter } = request.query;
      const { q, hidden } = filter;
      if (hidden) requirePermission(request, 'posts:moderate');
      const scope = { list: 'posts', ...filter };
      if (q === undefined) {
        const page = cursors.page(scope, { limit, cursor });
        return page.answer(await list(filter, page), ({ id }) => id, toAnswer);
      }
      const page = cursors.page<[string, Match]>(scope, { limit, cursor });
      const [after, match] = page.after ?? [];
      const found = await searchPosts(query, { ...filter, q }, { limit: page.limit, after }, match);
      return page.answer(found.posts, ({ id }) => [id, found.match], toAnswer);
    },
  );

  http.get(
    '/v1/posts/:id',
    {
      config: { access: 'anyone', cache: { maxAgeSeconds, invalidatedBy: { 'post-changed': 'id', 'post-deleted': 'id' } } },
      schema: {
        tags,
        operationId: 'readPost',
        summary: 'Read a post',
        params: IdParams(PostId),
        response: { 200: Answer('The post.', PostAnswer, 'ETag'), ...problems(postsErrors, 'post_not_found') },
      },
    },
    async ({ params: { id } }, reply) => {
      const post = await find(id);
      if (post === undefined || post.hiddenAt !== null) throw postsErrors.post_not_found();
      return answerPost(reply, post);
    },
  );
}
