import { actorOf, principalOf, userOf } from '@stoa/auth';
import { Answer, type Http, IfMatch, NoBody, problems, requireMatch } from '@stoa/http';
import { named } from '@stoa/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { postsErrors } from './errors.ts';
import { POST_BYTES, PostAnswer, PostId, PostText, Title, tagOf, toAnswer } from './post-answer.ts';
import type { FoundPost } from './posts.view.ts';
import type { Caller, WritePosts } from './write-posts.ts';

const NewPost = named('NewPost', Type.Object({ title: Title, text: PostText }, { additionalProperties: false }));
const NewText = named('PostChange', Type.Object({ text: PostText }, { additionalProperties: false }));
const Changed = Answer('The post as it is now.', PostAnswer, 'ETag');
const { catalogue } = postsErrors;
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
      return answer(reply.code(201).header('location', `/v1/posts/${post.id}`), post);
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
        params: PostId,
        headers: IfMatch,
        body: NewText,
        response: { 200: Changed, ...problems(catalogue, 'not_the_author', 'post_not_found') },
      },
    },
    async (request, reply) =>
      answer(reply, await posts.changeText(request.params.id, request.body.text, callerOf(request), stateOf(request))),
  );

  http.delete(
    '/v1/posts/:id',
    {
      config: { access: 'user' },
      schema: {
        tags,
        operationId: 'deletePost',
        summary: 'Delete a post',
        description: 'Your own, or with the permission `posts:moderate` any.',
        params: PostId,
        headers: IfMatch,
        response: {
          204: NoBody('Deleted. No body.'),
          ...problems(catalogue, 'not_the_author', 'post_not_found'),
        },
      },
    },
    async (request, reply) => {
      await posts.remove(request.params.id, callerOf(request), stateOf(request));
      await reply.code(204).send(undefined);
    },
  );

  for (const [action, isHidden, summary] of [
    ['hide', true, 'Hide a post: readers are told that there is none'],
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
          params: PostId,
          response: { 200: Changed, ...problems(catalogue, 'post_not_found') },
        },
      },
      async (request, reply) => answer(reply, await posts.setHidden(request.params.id, isHidden, callerOf(request))),
    );
  }
}

function callerOf(request: FastifyRequest): Caller {
  const principal = principalOf(request);
  return {
    actor: actorOf(principal),
    userId: principal.kind === 'user' ? principal.id : undefined,
    moderates: principal.permissions.has('posts:moderate'),
  };
}

const stateOf = (request: FastifyRequest) => (post: FoundPost) => requireMatch(request, tagOf(post));

function answer(reply: FastifyReply, post: FoundPost) {
  void reply.header('etag', tagOf(post));
  return toAnswer(post);
}
