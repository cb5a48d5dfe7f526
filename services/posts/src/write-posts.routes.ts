import { callerOf, userOf } from '@stoa/auth';
import { Answer, type Http, IdParams, IfMatch, NoBody, preconditionOf, problems, StrictObject } from '@stoa/http';
import { named } from '@stoa/service';
import { postsErrors } from './errors.ts';
import { answerPost, POST_BYTES, PostAnswer, PostId, PostText, Title, tagOf } from './post-answer.ts';
import type { WritePosts } from './write-posts.ts';

const NewPost = named('NewPost', StrictObject({ title: Title, text: PostText }));
const NewText = named('PostChange', StrictObject({ text: PostText }));
const Changed = Answer('The post as it is now.', PostAnswer, 'ETag');
const tags = ['posts'];

/** Writing, and what moderators do. */
export function writePostsRoutes(http: Http, posts: WritePosts): void {
  http.post(
    '/v1/posts',
    {
      config: { access: 'user', idempotent: true },
      bodyLimit: POST_BYTES,
      schema: {
        tags,
        operationId: 'createPost',
        summary: 'Write a post',
        body: NewPost,
        response: { 201: Answer('The post.', PostAnswer, 'Location', 'ETag') },
      },
    },
    async (request, reply) => {
      const post = await posts.create(userOf(request).id, request.body, request.reservedResourceId);
      return answerPost(reply.header('location', `/v1/posts/${post.id}`), post);
    },
  );

  http.patch(
    '/v1/posts/:id',
    {
      config: { access: 'user' },
      bodyLimit: POST_BYTES,
      schema: {
        tags,
        operationId: 'changePost',
        summary: 'Change the text of your post',
        description: 'The title stays. With `If-Match` a change that came in between is not overwritten.',
        params: IdParams(PostId),
        headers: IfMatch,
        body: NewText,
        response: { 200: Changed, ...problems(postsErrors, 'not_the_author', 'post_not_found') },
      },
    },
    async (request, reply) =>
      answerPost(reply, await posts.changeText(request.params.id, request.body.text, callerOf(request), preconditionOf(request, tagOf))),
  );

  http.delete(
    '/v1/posts/:id',
    {
      config: { access: 'user' },
      schema: {
        tags,
        operationId: 'deletePost',
        summary: 'Delete a post',
        description: 'Your own; with the permission `posts:moderate` any post.',
        params: IdParams(PostId),
        headers: IfMatch,
        response: { 204: NoBody('Deleted. No body.'), ...problems(postsErrors, 'not_the_author', 'post_not_found') },
      },
    },
    async (request) => {
      await posts.remove(request.params.id, callerOf(request), preconditionOf(request, tagOf));
    },
  );

  for (const [action, isHidden, summary] of [
    ['hide', true, 'Hide a post: readers get the answer that there is none'],
    ['show', false, 'Show a post that was hidden'],
  ] as const) {
    http.post(
      `/v1/posts/:id/${action}`,
      {
        config: { access: { permission: 'posts:moderate' } },
        schema: {
          tags,
          operationId: `${action}Post`,
          summary,
          params: IdParams(PostId),
          response: { 200: Changed, ...problems(postsErrors, 'post_not_found') },
        },
      },
      async (request, reply) => answerPost(reply, await posts.setHidden(request.params.id, isHidden, callerOf(request))),
    );
  }
}
