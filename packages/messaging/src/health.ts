import type { HealthPart } from '@stoa/service';
import { type Kysely, sql } from 'kysely';
import type { Relay } from './relay.ts';

/** Idle, a row leaves within milliseconds; a minute means that somebody has to look. */
const LATE_SECONDS = 60;

/** `relay`: nothing waits to leave for more than a minute. `inbox`: nothing due waits to be handled for more than a minute. */
export async function checkHealth<Schema>(db: Kysely<Schema>, relay: Relay): Promise<HealthPart[]> {
  const { rows } = await sql<{ unsent: number; due: number; dead: boolean }>`
    select
      coalesce(extract(epoch from now() - least(
        (select occurred_at from outbox where sent_at is null and parked_at is null and retry_at is null order by id limit 1),
        (select min(occurred_at) from outbox where sent_at is null and parked_at is null and retry_at is not null))), 0)::float8 as unsent,
      coalesce(extract(epoch from now() - (select min(run_at) from inbox where status = 'pending')), 0)::float8 as due,
      exists (select from dead_letters) as dead`.execute(db);
  const { unsent = 0, due = 0, dead = false } = rows[0] ?? {};
  const trouble = relay.trouble();
  return [
    part('relay', unsent, 'the oldest unsent message is', trouble),
    part('inbox', due, 'the longest overdue message is', dead ? 'there are dead letters' : undefined),
  ];
}

function part(name: string, seconds: number, what: string, remark: string | undefined): HealthPart {
  const ok = seconds <= LATE_SECONDS;
  const detail = [ok ? undefined : `${what} ${Math.round(seconds)} s late`, remark].filter((text) => text !== undefined).join('; ');
  return { name, ok, ...(detail === '' ? {} : { detail }) };
}
