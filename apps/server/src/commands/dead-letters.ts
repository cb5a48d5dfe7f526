import { createDeadLetters, type DeadLetter, type DeadLetters } from '@stoa/messaging';
import { createDatabase } from '@stoa/postgres';
import { createLog, createMetrics, type Environment } from '@stoa/service';
import { databaseUrl } from '../databases.ts';
import { visitHouse } from '../house.ts';
import { serviceNames } from '../services.ts';
import { readSettings } from '../settings.ts';
import { StartProblem } from '../start-problem.ts';

const PAGE = 100;

/**
 * `list`: what could be neither published nor handled, a line each. `replay ID` hands one in again, `replay` all of them.
 * An id is `<service>.<box>-<number>`, as the list shows it, and as `/v1/dead-letters` does.
 */
export async function deadLetters(environment: Environment, [action, id]: readonly string[]): Promise<void> {
  if (action !== 'list' && action !== 'replay')
    throw new StartProblem('What is to be done with the dead letters?', 'stoa dead-letters list, or: stoa dead-letters replay [ID]', 64);
  const settings = readSettings(environment, []);
  const names: readonly string[] = serviceNames;
  const [wanted, letter] = id?.includes('.') ? (id.split('.', 2) as [string, string]) : [undefined, undefined];
  if (id !== undefined && letter === undefined)
    throw new StartProblem(`"${id}" is not the id of a dead letter.`, 'Take one from: stoa dead-letters list', 64);
  const chosen =
    wanted === undefined
      ? settings.config.SERVICES === 'all'
        ? names
        : settings.config.SERVICES.split(',').map((name) => name.trim())
      : [wanted];
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new StartProblem(`There is no service "${unknown}" with dead letters.`, `Choose from ${names.join(', ')}.`, 64);
  const log = createLog({ level: 'warn' });
  await visitHouse(settings, log, async (databases) => {
    for (const service of chosen) {
      const database = createDatabase({
        url: databaseUrl(service, databases),
        name: service,
        log,
        metrics: createMetrics(),
        maxConnections: 1,
      });
      try {
        const letters = createDeadLetters({ database, log });
        if (action === 'list') await list(service, letters);
        else await replay(service, letters, letter);
      } finally {
        await database.close();
      }
    }
  });
}

async function list(service: string, letters: DeadLetters) {
  let cursor: string | undefined;
  let count = 0;
  do {
    const page = await letters.list({}, { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    for (const letter of page.items) console.log(line(service, letter));
    count += page.items.length;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  if (count === 0) console.log(`${service}: none`);
}

const line = (service: string, { id, type, consumer, failedAt, attempts, reason }: DeadLetter) =>
  `${service}.${id}  ${failedAt.toISOString()}  ${type}${consumer === undefined ? '' : ` → ${consumer}`}  after ${attempts} tries: ${reason}`;

async function replay(service: string, letters: DeadLetters, id: string | undefined) {
  const by = 'command line';
  if (id === undefined) {
    console.log(`${service}: ${await letters.replayAll({}, { by })} handed in again`);
  } else if (await letters.replay(id, by)) {
    console.log(`${service}.${id}: handed in again`);
  } else {
    throw new StartProblem(
      `There is no dead letter ${service}.${id}, or it is too old to be replayed.`,
      'Take one from: stoa dead-letters list',
      66,
    );
  }
}
