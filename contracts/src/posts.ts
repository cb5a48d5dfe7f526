import { Type } from 'typebox';
import { defineEvent } from './event.ts';

const Id = Type.String({ format: 'uuid' });
const Time = Type.String({ format: 'date-time' });
const postId = '0199d3a0-0000-7000-8000-00000000a001';
const authorId = '0199d3a0-0000-7000-8000-000000000002';
const at = '2026-11-21T09:00:00.000Z';

export const postCreated = defineEvent({
  name: 'post-created',
  version: 1,
  source: 'posts',
  description: 'A post was published for everybody to read.',
  schema: Type.Object({ postId: Id, authorId: Id, createdAt: Time }, { additionalProperties: false }),
  example: { postId, authorId, createdAt: at },
  key: (data) => data.postId,
});

export const postChanged = defineEvent({
  name: 'post-changed',
  version: 1,
  source: 'posts',
  description: 'The text of a post was changed, it was hidden or shown again, or its author was removed.',
  schema: Type.Object(
    {
      postId: Id,
      version: Type.Integer({ minimum: 2 }),
      hidden: Type.Boolean({ description: 'Whether readers get the answer that there is no such post.' }),
      changedAt: Time,
    },
    { additionalProperties: false },
  ),
  example: { postId, version: 2, hidden: false, changedAt: at },
  key: (data) => data.postId,
});

export const postDeleted = defineEvent({
  name: 'post-deleted',
  version: 1,
  source: 'posts',
  description: 'A post was deleted.',
  schema: Type.Object({ postId: Id, deletedAt: Time }, { additionalProperties: false }),
  example: { postId, deletedAt: at },
  key: (data) => data.postId,
});

/** The former form of `audit-recorded`: no longer published, and handled as long as one may be in transit, which is 30 days. */
export const postModerated = defineEvent({
  name: 'post-moderated',
  version: 1,
  source: 'posts',
  description: 'The former form of `audit-recorded` for posts: no longer published, still handled.',
  schema: Type.Object(
    {
      postId: Id,
      action: Type.Enum(['post-hidden', 'post-shown', 'post-deleted']),
      actor: Type.String({ description: 'Who did it, in the form of the audit log.' }),
      address: Type.Union([Type.String(), Type.Null()], { description: 'Where from, as the audit log keeps it.' }),
      authorId: Type.Union([Id, Type.Null()]),
      at: Time,
    },
    { additionalProperties: false },
  ),
  example: { postId, action: 'post-hidden', actor: 'user:0199d3a0-0000-7000-8000-000000000001', address: '192.0.2.1', authorId, at },
  key: (data) => data.postId,
});
