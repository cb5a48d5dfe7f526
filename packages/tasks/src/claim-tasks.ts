import { sql, type Transaction } from 'kysely';
import type { Claim } from './leased-worker.ts';

/** Polls after this long even without a notification: one may be lost, with the process that was to send it. */
const IDLE_MS = 5_000;
/** When others hold all that is due, for the moment that their claim takes. */
const HELD_MS = 250;

/** A task that this process has claimed. */
export interface ClaimedTask {
  readonly id: string;
  /** The number of this claim: what ends the run asks for it. */
  readonly fence: number;
  readonly kind: string;
  readonly version: number;
  readonly destination: string;
  readonly data: unknown;
  readonly createdAt: Date;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly tracestate: string | null;
  readonly failures: number;
  readonly unknowns: number;
  readonly deferrals: number;
  /** Since it was to run first. */
  readonly ageSeconds: number;
}

/** Room for more tasks of a kind in this process. */
export interface Room {
  readonly kind: string;
  /** The kind's own, and those it had before. */
  readonly names: readonly string[];
  readonly versions: readonly number[];
  readonly free: number;
  readonly perDestination: number;
  /** How many are claimed, by destination. */
  readonly held: ReadonlyMap<string, number>;
}

const columns = sql`tasks.id, fence, tasks.kind, version, tasks.destination, data, created_at as "createdAt", correlation_id as "correlationId",
  traceparent, tracestate, failures, unknowns, deferrals, extract(epoch from clock_timestamp() - due_at)::float8 as "ageSeconds"`;

/**
 * What waits by kind, version and destination, each of which is found by one step in `tasks_due`, and how many of it may be taken. Those of a
 * destination that pauses may be none until `paused_until`.
 */
function queues(rooms: readonly Room[]) {
  const kinds = rooms.flatMap(({ names, versions, ...room }) =>
    names.flatMap((name) => versions.map((version) => ({ ...room, name, version }))),
  );
  const held = rooms.flatMap(({ kind, held: byDestination }) =>
    [...byDestination].map(([destination, count]) => ({ kind, destination, count })),
  );
  return sql`
    wanted as (
      select * from unnest(${kinds.map(({ kind }) => kind)}::text[], ${kinds.map(({ name }) => name)}::text[],
        ${kinds.map(({ version }) => version)}::integer[], ${kinds.map(({ free }) => free)}::integer[],
        ${kinds.map(({ perDestination }) => perDestination)}::integer[]) as wanted (room, kind, version, free, per_destination)
    ), held as (
      select * from unnest(${held.map(({ kind }) => kind)}::text[], ${held.map(({ destination }) => destination)}::text[],
        ${held.map(({ count }) => count)}::integer[]) as held (room, destination, count)
    ), found as (
      select first.* from wanted cross join lateral (
        select kind, version, destination from tasks
        where status = 'queued' and tasks.kind = wanted.kind and tasks.version = wanted.version order by destination limit 1) as first
      union all
      select next.* from found cross join lateral (
        select kind, version, destination from tasks
        where status = 'queued' and tasks.kind = found.kind and tasks.version = found.version and tasks.destination > found.destination
        order by destination limit 1) as next
    ), queues as (
      select room, kind, version, destination, free, per_destination, coalesce(count, 0) as held, until as paused_until,
        least(free, per_destination - coalesce(count, 0)) as most
      from found join wanted using (kind, version) left join held using (room, destination) left join task_pauses using (destination)
    )`;
}

/** The tasks of a queue, as a part of a statement. */
const ofQueue = sql`
  status = 'queued' and tasks.kind = queues.kind and tasks.version = queues.version and tasks.destination = queues.destination`;

/**
 * Takes due tasks of each kind that has room, those of each destination in turn. @returns when to poll again, where nothing is due.
 */
export async function claimTasks<Schema>(tx: Transaction<Schema>, instanceId: string, rooms: readonly Room[]): Promise<Claim<ClaimedTask>> {
  const { rows: claimed } = await sql<ClaimedTask>`
    with recursive ${queues(rooms)}, due as (
      select room, queues.destination, free, per_destination, held, first.id, first.run_at
      from queues cross join lateral (
        select id, run_at from tasks where ${ofQueue} and run_at <= now()
        order by run_at, id limit greatest(most, 0) for update skip locked) as first
      where paused_until is null or paused_until <= now()
    ), counted as (
      select *, held + row_number() over (partition by room, destination order by run_at, id) as nth from due
    ), ranked as (
      select id, free, row_number() over (partition by room order by nth, run_at, id) as place from counted where nth <= per_destination
    )
    update tasks set status = 'running', owner = ${instanceId}, fence = fence + 1
    from ranked where place <= free and tasks.id = ranked.id
    returning ${columns}`.execute(tx);
  if (claimed.length > 0) return { claimed, waitMs: 0 };
  const { rows } = await sql<{ wait: number | null }>`
    with recursive ${queues(rooms)}
    select (extract(epoch from min(greatest(first.run_at, paused_until)) - now()) * 1000)::float8 as wait
    from queues cross join lateral (select run_at from tasks where ${ofQueue} order by run_at limit 1) as first
    where most > 0`.execute(tx);
  const wait = rows[0]?.wait ?? IDLE_MS;
  return { claimed, waitMs: Math.min(wait > 0 ? Math.max(wait, 1) : HELD_MS, IDLE_MS) };
}

/** Takes this task, if it is of one of these kinds, whenever it is due and whatever pauses, unless another process has it. */
export async function claimTask<Schema>(
  tx: Transaction<Schema>,
  instanceId: string,
  id: string,
  kinds: readonly string[],
): Promise<ClaimedTask | undefined> {
  const { rows } = await sql<ClaimedTask>`
    update tasks set status = 'running', owner = ${instanceId}, fence = fence + 1
    where id = (select id from tasks where id = ${id} and status = 'queued' and kind = any(${kinds}::text[]) for update skip locked)
    returning ${columns}`.execute(tx);
  return rows[0];
}
