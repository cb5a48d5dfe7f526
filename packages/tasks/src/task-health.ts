import { type HealthPart, withTimeout } from '@stoa/service';
import type { Kysely } from 'kysely';
import { readPauses, readTaskBacklog } from './task-backlog.ts';

/** Idle, a task begins within milliseconds; a minute means that an operator has to look. */
const LATE_SECONDS = 60;
/** As for the part of the database itself: a readiness probe gives up after seconds. */
const ANSWER_WITHIN_MS = 2_000;

/** `ok` while nothing that is due waits for more than a minute and no destination pauses; dead letters are reported. */
export async function checkTaskHealth<Schema>(db: Kysely<Schema>, worker: HealthPart): Promise<HealthPart> {
  if (!worker.ok) return worker;
  try {
    const [backlog, pauses] = await withTimeout(Promise.all([readTaskBacklog(db), readPauses(db)]), ANSWER_WITHIN_MS);
    const troubles = [
      ...backlog
        .filter(({ lateSeconds }) => lateSeconds > LATE_SECONDS)
        .map(({ kind, lateSeconds }) => `${kind} is ${Math.round(lateSeconds)} s late`),
      ...pauses.map(({ destination, until, reason }) => `${destination} pauses until ${until.toISOString()}: ${reason}`),
    ];
    const details = [...troubles, ...(backlog.some(({ dead }) => dead > 0) ? ['there are dead letters'] : [])];
    return { ...worker, ok: troubles.length === 0, ...(details.length > 0 && { detail: details.join('; ') }) };
  } catch (error) {
    return { ...worker, ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
