import { type Kysely, type RawBuilder, sql } from 'kysely';
import { isJob } from './job-consumer.ts';
import { UNROUTED } from './unrouted.ts';

/** Notified when a copy has come, or is gone. */
export const COPIES_CHANNEL = 'copies';

/** A version of a message that a consumer, or a job, takes. */
export interface Taken {
  readonly consumer: string;
  readonly type: string;
  readonly version: number;
}

/** Rows that wait for a consumer that no live copy has: it was renamed or removed. */
export interface Unclaimed {
  readonly consumer: string;
  /** Counted up to 10,000. */
  readonly count: number;
}

/** Without a sign for so long a copy is taken for gone; signs come every 10 s (`announceMs`). */
const LIVE = sql`interval '1 minute'`;
/** A sign from the future is one of before the clock was set back: a copy that lives gives another one soon. */
const isLive = sql`seen_at > clock_timestamp() - ${LIVE} and seen_at < clock_timestamp() + ${LIVE}`;
const MOST_COUNTED = 10_000;

/** As rows are compared with it: a type and its version. */
export const versionOf = ({ type, version }: { readonly type: string; readonly version: number }): string => `${type} ${version}`;

/** A version of a message; a job has the same names for its own. */
type Versioned = Parameters<typeof versionOf>[0];

/** The consumers, not jobs, that take this version of a message. */
export const consumersOf = (taken: readonly Taken[], message: Versioned): ReadonlySet<string> =>
  new Set(taken.flatMap((each) => (!isJob(each.consumer) && versionOf(each) === versionOf(message) ? each.consumer : [])));

const isTheSame = (one: Taken) => (other: Taken) => one.consumer === other.consumer && versionOf(one) === versionOf(other);

/** What the live copies of the service take together. */
export async function readTaken<Schema>(db: Kysely<Schema>, exceptInstance = ''): Promise<readonly Taken[]> {
  const { rows } = await sql<{ takes: readonly Taken[] }>`
    select takes from inbox_copies
    where ${isLive} and instance_id <> ${exceptInstance} order by instance_id`.execute(db);
  return rows.flatMap(({ takes }) => takes);
}

/**
 * The rows that no live copy will ever take; none where no copy is live. Looks between the names that copies have, and so passes over
 * their rows, and over the entries that an index keeps of rows that are gone.
 */
export async function findUnclaimed<Schema>(db: Kysely<Schema>): Promise<readonly Unclaimed[]> {
  const claimed = new Set((await readTaken(db)).map(({ consumer }) => consumer));
  if (claimed.size === 0) return [];
  const firstAfter = (name: RawBuilder<unknown>) => sql`
    (select consumer from inbox where status = 'pending' and consumer > ${name} and consumer < high order by consumer limit 1)
    union all
    (select consumer from inbox where status = 'pending' and consumer > ${name} and high is null order by consumer limit 1)`;
  const { rows } = await sql<Unclaimed>`
    with recursive claimed as (
      select name from unnest(${[...claimed, UNROUTED]}::text[]) as name union all select ''
    ), gaps as (
      select name as low, lead(name) over (order by name) as high from claimed
    ), names as (
      select high, consumer from gaps cross join lateral (${firstAfter(sql`low`)}) as first
      union all
      select high, next.consumer from names cross join lateral (${firstAfter(sql`names.consumer`)}) as next
    )
    select consumer, (
        select count(*) from (select from inbox where inbox.consumer = names.consumer and status = 'pending' limit ${MOST_COUNTED}) as capped)::integer as count
    from names order by consumer`.execute(db);
  return rows;
}

export type LiveCopies = ReturnType<typeof createLiveCopies>;

/** Announces to the other copies of the service what this one takes, and knows what they take. */
export function createLiveCopies<Schema>(db: Kysely<Schema>, instanceId: string, mine: readonly Taken[]) {
  let others: readonly Taken[] = [];
  /** Of each version, what `consumersOf` found since `others` was read: it is asked for each message. */
  const found = new Map<string, ReadonlySet<string>>();

  return {
    /** Gives a sign of life, and reads those of the others. */
    async announce(): Promise<void> {
      await sql`
        insert into inbox_copies (instance_id, takes) values (${instanceId}, ${JSON.stringify(mine)})
        on conflict (instance_id) do update set takes = excluded.takes, seen_at = clock_timestamp()`.execute(db);
      await sql`delete from inbox_copies where seen_at < clock_timestamp() - interval '1 day'`.execute(db);
      others = await readTaken(db, instanceId);
      found.clear();
    },
    async leave(): Promise<void> {
      await sql`delete from inbox_copies where instance_id = ${instanceId}`.execute(db);
    },
    /** The consumers of other copies that take this version, as the last announcement found them. */
    consumersOf(message: Versioned): ReadonlySet<string> {
      const version = versionOf(message);
      const known = found.get(version) ?? consumersOf(others, message);
      found.set(version, known);
      return known;
    },
    /** Has rows tried now that waited because no copy could take them. */
    async pullForward(misfit: string): Promise<void> {
      await sql`
        update inbox set run_at = clock_timestamp()
        where status = 'pending' and delayed and run_at > now() and starts_with(reason, ${misfit})
          and (consumer = ${UNROUTED} or consumer = any(${mine.map(({ consumer }) => consumer)}::text[]))
          and type || ' ' || version = any(${mine.map(versionOf)}::text[])`.execute(db);
    },
    /** The versions of a consumer that only others take. */
    leftTo: (consumer: string): string[] =>
      others.filter((taken) => taken.consumer === consumer && !mine.some(isTheSame(taken))).map(versionOf),
  };
}
