import { type Kysely, sql, type Transaction } from 'kysely';

export interface ReplicaOptions {
  /** Has the columns `version integer` and `deleted_at timestamptz`, besides those below, and a row for each entity by its id. */
  readonly table: string;
  /** The column of the id, a UUID; `id` by default. */
  readonly id?: string;
  /** What is kept of an entity: column → type of PostgreSQL. None where only deletions are kept, and then there is no `version` either. */
  readonly columns?: Readonly<Record<string, string>>;
}

/** An entity as its owner published it. */
export interface Replicated {
  readonly id: string;
  readonly version: number;
  readonly [column: string]: unknown;
}

/**
 * What a service keeps of another's entities. Events come late, twice and in any order: the newest version counts, and what is deleted
 * stays deleted, by a row without its data (a tombstone) that remains for as long as an older event may come.
 */
export function createReplica<Tables>({ table, id = 'id', columns = {} }: ReplicaOptions) {
  const [into, key] = [sql.table(table), sql.ref(id)];
  const names = Object.keys(columns);
  const listed = names.map((name) => sql.ref(name));
  const list = (parts: readonly ReturnType<typeof sql>[]) => parts.reduce((all, part) => sql`${all}, ${part}`);

  /** Many come in a transaction, in whichever order: two of these would wait for each other's rows. */
  const oneAtATime = (tx: Transaction<Tables>) => sql`select pg_advisory_xact_lock(hashtext(${table}))`.execute(tx);

  return {
    /** Keeps the newest of each; one that is late or deleted changes nothing. */
    async keep(tx: Transaction<Tables>, entities: readonly Replicated[]): Promise<void> {
      await oneAtATime(tx);
      const given = [
        sql`${entities.map((entity) => entity.id)}::uuid[]`,
        sql`${entities.map(({ version }) => version)}::integer[]`,
        ...names.map((name) => sql`${entities.map((entity) => entity[name] ?? null)}::${sql.raw(columns[name] as string)}[]`),
      ];
      const fields = list([key, sql`version`, ...listed]);
      await sql`
        insert into ${into} (${fields})
        select distinct on (${key}) ${fields} from unnest(${list(given)}) as given (${fields}) order by ${key}, version desc
        on conflict (${key}) do update set ${list(['version', ...names].map((name) => sql`${sql.ref(name)} = excluded.${sql.ref(name)}`))}
        where ${into}.version < excluded.version and ${into}.deleted_at is null`.execute(tx);
    },

    /** Keeps nothing of it but that it is deleted. */
    async remove(tx: Transaction<Tables>, entity: string, deletedAt: Date): Promise<void> {
      await oneAtATime(tx);
      const emptied = list([sql`deleted_at = excluded.deleted_at`, ...listed.map((column) => sql`${column} = null`)]);
      await sql`
        insert into ${into} (${key}, deleted_at) values (${entity}, ${deletedAt})
        on conflict (${key}) do update set ${emptied} where ${into}.deleted_at is null`.execute(tx);
    },

    /** Removes up to `limit` tombstones that are older than so many days and that no row of `usedBy` names. @returns how many. */
    async forget(db: Kysely<Tables>, options: ForgetOptions): Promise<number> {
      const { days, limit, usedBy, since = 'deleted_at' } = options;
      const isUsed = sql`select from ${sql.table(usedBy.table)} where ${sql.ref(`${usedBy.table}.${usedBy.column}`)} = ${into}.${key}`;
      const { numAffectedRows } = await sql`
        delete from ${into} where ${key} = any(array(
          select ${key} from ${into} where deleted_at is not null and ${sql.ref(since)} < now() - ${days} * interval '1 day' and not exists (${isUsed})
          order by ${sql.ref(since)} limit ${limit} for update skip locked))`.execute(db);
      return Number(numAffectedRows ?? 0);
    },
  };
}

export interface ForgetOptions {
  /** Longer than an event of the entity can come late: a dead letter is replayed within 14 days, and a message is sent within 29. */
  readonly days: number;
  readonly limit: number;
  /** Rows that name the entity keep its tombstone. */
  readonly usedBy: { readonly table: string; readonly column: string };
  /** The column that the days count from; `deleted_at` by default. */
  readonly since?: string;
}
