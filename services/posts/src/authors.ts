import { tokenInvalid } from '@stoa/auth';
import type { UserProfile } from '@stoa/contracts';
import { sql, type Transaction } from 'kysely';
import type { PostsTables } from './tables.ts';

type Tx = Transaction<PostsTables>;

/** News of persons come many to a transaction, in the order in which they came: two of these would wait for each other's rows. */
const inTurn = (tx: Tx) => sql`select pg_advisory_xact_lock(hashtext('authors'))`.execute(tx);

/** Keeps the newest of each; what comes late or of one who is gone changes nothing. */
export async function keepProfiles(tx: Tx, profiles: readonly UserProfile[]): Promise<void> {
  await inTurn(tx);
  const column = <Name extends keyof UserProfile>(name: Name) => profiles.map((profile) => profile[name]);
  await sql`
    insert into authors (id, name, version)
    select distinct on (id) id, name, version
    from unnest(${column('userId')}::uuid[], ${column('name')}::text[], ${column('version')}::int[]) as told (id, name, version)
    order by id, version desc
    on conflict (id) do update set name = excluded.name, version = excluded.version
    where authors.version < excluded.version and authors.deleted_at is null`.execute(tx);
}

/** The person is gone, and so is the name. */
export async function forgetAuthor(tx: Tx, id: string, deletedAt: Date): Promise<void> {
  await inTurn(tx);
  await sql`
    insert into authors (id, deleted_at) values (${id}, ${deletedAt})
    on conflict (id) do update set name = null, deleted_at = excluded.deleted_at
    where authors.deleted_at is null`.execute(tx);
}

/**
 * Holds the row of who writes until the transaction ends, so that their account does not go in between and leave a post behind.
 * @throws 401 `token_invalid` when it is gone: the token ends within a second.
 */
export async function holdAuthor(tx: Tx, id: string): Promise<void> {
  await sql`insert into authors (id) values (${id}) on conflict (id) do nothing`.execute(tx);
  const author = await tx.selectFrom('authors').select('deleted_at').where('id', '=', id).forShare().executeTakeFirstOrThrow();
  if (author.deleted_at !== null) throw tokenInvalid();
}
