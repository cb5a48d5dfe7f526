import { type HealthPart, withTimeout } from '@stoa/service';
import { type Kysely, sql } from 'kysely';
import type { Marks } from './inbox-marks.ts';
import type { Unclaimed } from './live-copies.ts';
import type { Relay } from './relay.ts';
import type { Unsent } from './unsent.ts';

/** Idle, a row leaves within milliseconds; a minute means that an operator has to look. */
const LATE_SECONDS = 60;
/** As for the part of the database itself: a readiness probe gives up after seconds. */
const ANSWER_WITHIN_MS = 2_000;

/** What health is read from. */
interface Checked<Schema> {
  readonly db: Kysely<Schema>;
  readonly consumers: readonly string[];
  readonly marks: Marks;
  readonly relay: Relay;
  readonly readUnsent: () => Promise<Unsent>;
  readonly unclaimed: readonly Unclaimed[];
}

/** `relay`: nothing waits to leave for more than a minute. `inbox`: nothing that is due waits for one of `consumers` for more than a minute. */
export async function checkHealth<Schema>(checked: Checked<Schema>): Promise<HealthPart[]> {
  try {
    return await withTimeout(inspect(checked), ANSWER_WITHIN_MS);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return ['relay', 'inbox'].map((name) => ({ name, ok: false, detail, background: true }));
  }
}

async function inspect<Schema>({ db, consumers, marks, relay, readUnsent, unclaimed }: Checked<Schema>): Promise<HealthPart[]> {
  const { rows } = await sql<{ dead: boolean }>`select exists (select from dead_letters) as dead`.execute(db);
  const dead = rows[0]?.dead ?? false;
  const { oldestSeconds } = await readUnsent();
  const due = Math.max(0, ...[...(await marks.look(consumers)).values()].map(({ overdueSeconds }) => overdueSeconds));
  return [
    part('relay', oldestSeconds, 'the oldest unsent message is', relay.trouble()),
    withUnclaimed(part('inbox', due, 'the longest overdue message is', dead ? 'there are dead letters' : undefined), unclaimed),
  ];
}

/** They wait for ever, unless an operator brings the consumer back or deletes them. */
function withUnclaimed(inbox: HealthPart, unclaimed: readonly Unclaimed[]): HealthPart {
  if (unclaimed.length === 0) return inbox;
  const told = unclaimed.map(({ consumer, count }) => `${count} wait for ${consumer}, which no live copy has`);
  return { ...inbox, ok: false, detail: [...(inbox.detail ? [inbox.detail] : []), ...told].join('; ') };
}

function part(name: string, seconds: number, what: string, remark: string | undefined): HealthPart {
  const ok = seconds <= LATE_SECONDS;
  const detail = [ok ? undefined : `${what} ${Math.round(seconds)} s late`, remark].filter((text) => text !== undefined).join('; ');
  return { name, ok, ...(detail === '' ? {} : { detail }), background: true };
}
