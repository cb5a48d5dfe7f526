import type { Caller } from '@stoa/auth';
import { auditRecorded, postChanged, postCreated, postDeleted } from '@stoa/contracts';
import { clientIpKey } from '@stoa/http';
import type { ServiceContext } from '@stoa/kit';
import { learnWords, wordsOf } from '@stoa/search';
import { currentContext, uuidv7 } from '@stoa/service';
import type { Transaction } from 'kysely';
import { holdAuthor } from './authors.ts';
import { postsErrors } from './errors.ts';
import { SEARCH_VERSION, searchOf } from './index-again.ts';
import { type FoundPost, postQuery } from './posts.view.ts';
import type { PostsTables } from './tables.ts';

type Tx = Transaction<PostsTables>;
/** Throws when the post is not as the caller saw it. */
type RequireState = (post: FoundPost) => void;

type Ports = Pick<ServiceContext<unknown, PostsTables>, 'database' | 'clock' | 'outbox'>;
type Change = {
  readonly text?: string;
  readonly search?: ReturnType<typeof searchOf>;
  readonly search_version?: number;
  readonly hidden_at?: Date | null;
};
export type WritePosts = ReturnType<typeof createWritePosts>;

/** What changes posts: each change in one transaction with its events. */
export function createWritePosts({ database, outbox, clock }: Ports) {
  return {
    /** @param id of a post that an earlier try of the same request may have made already; then that one is the answer. */
    create: (authorId: string, { title, text }: { title: string; text: string }, id?: string): Promise<FoundPost> =>
      database.transaction(async (tx) => {
        await holdAuthor(tx, authorId);
        const now = clock.now();
        const words = wordsOf(`${title} ${text}`);
        const post = { id: id ?? uuidv7(now.getTime()), author_id: authorId, title, text, created_at: now, updated_at: now };
        const { numInsertedOrUpdatedRows: inserted } = await tx
          .insertInto('posts')
          .values({ ...post, search: searchOf(words), search_version: SEARCH_VERSION, hidden_at: null })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .executeTakeFirst();
        if (inserted === 1n) {
          await learnWords(tx, words);
          await outbox(tx).append(postCreated, { postId: post.id, authorId, createdAt: now.toISOString() });
        }
        return await postQuery(tx, post.id).executeTakeFirstOrThrow();
      }),

    /** @throws 404 `post_not_found`; 403 `not_the_author`; what `requireState` throws. */
    changeText: (id: string, text: string, by: Caller, requireState: RequireState): Promise<FoundPost> =>
      database.transaction(async (tx) => {
        const post = await lock(tx, id);
        if (post.hiddenAt !== null) throw postsErrors.post_not_found();
        if (post.authorId !== by.userId) throw postsErrors.not_the_author();
        requireState(post);
        if (post.text === text) return post;
        const words = wordsOf(`${post.title} ${text}`);
        const changed = await save(tx, post, { text, search: searchOf(words), search_version: SEARCH_VERSION });
        await learnWords(tx, words);
        return changed;
      }),

    /** By its author, even when hidden, or by a moderator. @throws 404 `post_not_found`; 403 `not_the_author`; what `requireState` throws. */
    remove: (id: string, by: Caller, requireState: RequireState): Promise<void> =>
      database.transaction(async (tx) => {
        const post = await lock(tx, id);
        const isOwn = post.authorId !== null && post.authorId === by.userId;
        if (!isOwn && !by.permissions.has('posts:moderate'))
          throw post.hiddenAt === null ? postsErrors.not_the_author() : postsErrors.post_not_found();
        requireState(post);
        await tx.deleteFrom('posts').where('id', '=', id).execute();
        await outbox(tx).append(postDeleted, { postId: id, deletedAt: clock.now().toISOString() });
        if (!isOwn) await recordAudit(tx, post, 'post-deleted', by);
      }),

    /** Takes a post from its readers, or gives it back. @throws 404 `post_not_found`. */
    setHidden: (id: string, isHidden: boolean, by: Caller): Promise<FoundPost> =>
      database.transaction(async (tx) => {
        const post = await lock(tx, id);
        if ((post.hiddenAt !== null) === isHidden) return post;
        const changed = await save(tx, post, { hidden_at: isHidden ? clock.now() : null });
        await recordAudit(tx, post, isHidden ? 'post-hidden' : 'post-shown', by);
        return changed;
      }),
  };

  async function save(tx: Tx, { id, version }: FoundPost, change: Change): Promise<FoundPost> {
    const now = clock.now();
    const isText = change.text !== undefined;
    await tx
      .updateTable('posts')
      .set({ ...change, version: version + 1, ...(isText && { updated_at: now }) })
      .where('id', '=', id)
      .execute();
    const changed = await postQuery(tx, id).executeTakeFirstOrThrow();
    const data = { postId: id, version: changed.version, hidden: changed.hiddenAt !== null, changedAt: now.toISOString() };
    await outbox(tx).append(postChanged, data);
    return changed;
  }

  async function recordAudit(
    tx: Tx,
    { id, authorId }: FoundPost,
    action: 'post-hidden' | 'post-shown' | 'post-deleted',
    { actor }: Caller,
  ) {
    const { clientIp: ip } = currentContext() ?? {};
    const clientIp = ip === undefined ? null : clientIpKey(ip);
    const at = clock.now().toISOString();
    await outbox(tx).append(auditRecorded, { action, actor, subject: id, clientIp, details: { authorId }, at });
  }
}

/** @throws 404 `post_not_found`. */
async function lock(tx: Tx, id: string): Promise<FoundPost> {
  await tx.selectFrom('posts').select('id').where('id', '=', id).forUpdate().execute();
  const post = await postQuery(tx, id).executeTakeFirst();
  if (post === undefined) throw postsErrors.post_not_found();
  return post;
}
