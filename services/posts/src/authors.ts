import { tokenInvalid } from '@stoa/auth';
import type { UserProfile } from '@stoa/contracts';
import { createReplica } from '@stoa/kit';
import { sql, type Transaction } from 'kysely';
import type { PostsTables } from './tables.ts';

type Tx = Transaction<PostsTables>;

/** The public names of users. */
export const authors = createReplica<PostsTables>({ table: 'authors', columns: { name: 'text' } });

/** Keeps the newest of each; one that comes late, or of a deleted user, changes nothing. */
export const keepProfiles = (tx: Tx, profiles: readonly UserProfile[]): Promise<void> =>
  authors.keep(
    tx,
    profiles.map(({ userId: id, name, version }) => ({ id, name, version })),
  );

/**
 * Holds the row of an author until the transaction ends, so that their account is not deleted in between and leaves a post behind.
 * @throws 401 `token_invalid` when it is deleted: the token ends within a second.
 */
export async function holdAuthor(tx: Tx, id: string): Promise<void> {
  await sql`insert into authors (id) values (${id}) on conflict (id) do nothing`.execute(tx);
  const author = await tx.selectFrom('authors').select('deleted_at').where('id', '=', id).forShare().executeTakeFirstOrThrow();
  if (author.deleted_at !== null) throw tokenInvalid();
}
