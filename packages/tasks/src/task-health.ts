import type { HealthPart } from '@stoa/service';
import type { Kysely } from 'kysely';
import { readPauses, readTaskBacklog } from './task-backlog.ts';

/** Idle, a task begins within milliseconds; a minute means that an operator has to look. */
const LATE_SECONDS = 60;
/** As for the part of the database itself: a readiness probe gives up after seconds. */
const ANSWER_WITHIN_MS = 2_000;

/** `ok` while nothing that is due waits for more than a minute and no destination pauses; dead letters are reported. */
export async function checkTaskHealth<Schema>(db: Kysely<Schema>, worker: HealthPart): Promise<HealthPart> {
  if (!worker.ok) return worker;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)), ANSWER_WITHIN_MS);
  try {
    const [backlog, pauses] = await Promise.race([Promise.all([readTaskBacklog(db), readPauses(db)]), late]);
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
  } finally {
    clearTimeout(timer);
  }
}
