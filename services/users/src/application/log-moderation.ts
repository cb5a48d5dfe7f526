import type { Actor } from '@stoa/auth';
import type { UsersTx } from './ports.ts';

/** What a moderator did to a post, as the service that has the posts tells it. */
export interface Moderation {
  readonly postId: string;
  readonly action: 'post-hidden' | 'post-shown' | 'post-deleted';
  /** An `Actor`, by the same `actorOf` as here. */
  readonly actor: string;
  readonly address: string | null;
  readonly authorId: string | null;
  readonly at: string;
}

/** Writes it into the audit log, as of when and where it was done. */
export const logModeration = ({ audit }: UsersTx, { postId, action, actor, address, authorId, at }: Moderation): Promise<void> =>
  audit.append({ action, actor: actor as Actor, subject: postId, address, at: new Date(at), details: { authorId } });
