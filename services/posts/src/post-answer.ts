import { crc32 } from 'node:zlib';
import { entityTag, Text } from '@stoa/http';
import { named } from '@stoa/service';
import { type Static, Type } from 'typebox';
import type { FoundPost, Post } from './posts.view.ts';

const Id = Type.String({ format: 'uuid', examples: ['0199d3a0-0000-7000-8000-00000000a001'] });
/** Written by the serializer, which is faster than `toISOString`. */
const Time = (description?: string) => Type.Unsafe<Date>(Type.String({ format: 'date-time', ...(description && { description }) }));
const UserId = Type.String({ format: 'uuid', examples: ['0199d3a0-0000-7000-8000-000000000002'] });
const NAMES = { description: 'Full name, else login; null where there is neither.', examples: ['Ada Lovelace'] };
const Author = named(
  'Author',
  Type.Object({ id: UserId, name: Type.Union([Type.String(), Type.Null()], NAMES) }, { additionalProperties: false }),
);
const EXAMPLE = 'It can do whatever we know how to order it to perform.';

export const PostId = Type.Object({ id: Id }, { additionalProperties: false });
export const Title = Text({ minLength: 1, maxLength: 200, examples: ['Notes on the Analytical Engine'] });
export const PostText = Text({ minLength: 1, maxLength: 20_000, multiline: true, examples: [EXAMPLE] });

/** Bytes of a body with the longest text there may be: JSON can write a character in twelve (`\ud83d\ude00`). */
export const POST_BYTES = 262_144;

/** A post as an answer shows it: a whitelist, so that a new column is not shown by itself. */
export const PostAnswer = named(
  'Post',
  Type.Object(
    {
      id: Id,
      title: Title,
      text: Type.String({ description: 'As it was written: not HTML. Whoever shows it escapes it.', examples: [EXAMPLE] }),
      author: Type.Union([Author, Type.Null()], { description: 'Null when the account is gone.' }),
      createdAt: Time(),
      updatedAt: Time('When its text was last changed.'),
    },
    { additionalProperties: false },
  ),
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
