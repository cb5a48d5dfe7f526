import type { Database } from '@stoa/postgres';
import { sql } from 'kysely';
import { TASKS_CHANNEL } from './task.ts';

/** Ends the pause of a destination before its time, such as one that needed an operator. @returns whether it paused. */
export async function resumeDestination<Schema>(database: Database<Schema>, destination: string): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`delete from task_pauses where destination = ${destination}`.execute(database.query);
  database.notify(TASKS_CHANNEL);
  return numAffectedRows > 0n;
}
