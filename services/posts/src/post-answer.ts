import { crc32 } from 'node:zlib';
import { entityTag, Nullable, Text, Timestamp, withETag } from '@stoa/http';
import { named } from '@stoa/service';
import type { FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import type { FoundPost, Post } from './posts.view.ts';

export const PostId = Type.String({ format: 'uuid', examples: ['0199d3a0-0000-7000-8000-00000000a001'] });
const UserId = Type.String({ format: 'uuid', examples: ['0199d3a0-0000-7000-8000-000000000002'] });
const Name = Nullable(Type.String(), { description: 'Full name, else login; null where there is neither.', examples: ['Ada Lovelace'] });
const Author = named('Author', Type.Object({ id: UserId, name: Name }));
const EXAMPLE = 'It can do whatever we know how to order it to perform.';

export const Title = Text({ minLength: 1, maxLength: 200, examples: ['Notes on the Analytical Engine'] });
export const PostText = Text({ minLength: 1, maxLength: 20_000, multiline: true, examples: [EXAMPLE] });

/** Bytes of a body with the longest text there may be: JSON can write a character in twelve (`\ud83d\ude00`). */
export const POST_BYTES = 262_144;

/** What is shown of a post: what stands here, so that a new column is not shown by itself. */
export const PostAnswer = named(
  'Post',
  Type.Object({
    id: PostId,
    title: Title,
    text: Type.String({ description: 'As it was written: not HTML. Escape it when you show it.', examples: [EXAMPLE] }),
    author: Nullable(Author, { description: 'Null when the account is gone.' }),
    createdAt: Timestamp(),
    updatedAt: Timestamp({ description: 'When its text was last changed.' }),
  }),
);

export const toAnswer = ({ id, title, text, authorId, authorName, createdAt, updatedAt }: Post): Static<typeof PostAnswer> => ({
  id,
  title,
  text,
  author: authorId === null ? null : { id: authorId, name: authorName },
  createdAt,
  updatedAt,
});

/** Of the post and of the name beside it, not of what else changes in an account. */
export const tagOf = ({ version, authorName }: FoundPost): string => entityTag(version, crc32(authorName ?? ''));

/** One post with its tag. */
export const answerPost = (reply: FastifyReply, post: FoundPost) => withETag(reply, toAnswer(post), tagOf(post));
