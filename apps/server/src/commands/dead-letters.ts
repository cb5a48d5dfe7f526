import { createDeadLetters, type DeadLetter, type DeadLetterFilter, type DeadLetters } from '@stoa/messaging';
import type { Environment } from '@stoa/service';
import { deadTasks } from '@stoa/tasks';
import { StartProblem } from '../start-problem.ts';
import { visitServices } from './visit-services.ts';

const PAGE = 100;
const BY = 'command-line';

interface Options {
  readonly type?: string;
  readonly consumer?: string;
  readonly rate?: string;
}

interface Wanted {
  readonly filter: DeadLetterFilter;
  /** Without the service's name. */
  readonly id: string | undefined;
  readonly rate: number | undefined;
}

type Act = (service: string, letters: DeadLetters, wanted: Wanted) => Promise<void>;

/**
 * `list`: the messages that could not be published or handled, one per line. `show ID`: one with its payload, and who replayed it last.
 * `replay ID` replays one, `replay` all of them or those of a type or consumer, at a rate per second. An id is `<service>.<box>-<number>`,
 * as in the list and in `/v1/dead-letters`. It works on the databases, whether Stoa runs or not.
 */
export async function deadLetters(environment: Environment, [action = '', id]: readonly string[], options: Options): Promise<void> {
  const act = actions[action];
  if (act === undefined || (action === 'show' && id === undefined) || (action === 'list' && id !== undefined))
    throw new StartProblem(
      'The action must be list, show with an ID, or replay.',
      'stoa dead-letters list, stoa dead-letters show ID, or stoa dead-letters replay [ID]',
      64,
    );
  const [service, letter] = splitId(id);
  const { type, consumer, rate } = options;
  const wanted = { id: letter, filter: { ...(type && { type }), ...(consumer && { consumer }) }, rate: readRate(rate) };
  await visitServices(environment, service, (name, database, log) =>
    act(name, createDeadLetters({ database, log, sources: [deadTasks] }), wanted),
  );
}

const FROM_LIST = 'Take one from: stoa dead-letters list';

function splitId(id: string | undefined): readonly [string?, string?] {
  if (id === undefined) return [];
  const [, service, letter] = /^([a-z0-9-]+)\.(.+)$/.exec(id) ?? [];
  if (service === undefined || letter === undefined) throw new StartProblem(`"${id}" is not the id of a dead letter.`, FROM_LIST, 64);
  return [service, letter];
}

function readRate(rate: string | undefined): number | undefined {
  if (rate === undefined) return undefined;
  if (!/^[1-9]\d{0,3}$/.test(rate)) throw new StartProblem(`--rate ${rate} is not a rate per second.`, 'Take a number from 1 to 9999.', 64);
  return Number(rate);
}

const actions: Readonly<Record<string, Act>> = {
  async list(service, letters, { filter }) {
    let cursor: string | undefined;
    let count = 0;
    do {
      const page = await letters.list(filter, { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      for (const letter of page.items) console.log(line(service, letter));
      count += page.items.length;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    if (count === 0) console.log(`${service}: none`);
  },

  async show(service, letters, { id = '' }) {
    const letter = await letters.get(id);
    if (letter === undefined) throw new StartProblem(`There is no dead letter ${service}.${id}.`, FROM_LIST, 66);
    const { place: _place, ...shown } = letter;
    console.log(JSON.stringify({ ...shown, id: `${service}.${id}` }, null, 2));
  },

  async replay(service, letters, { id, filter, rate }) {
    if (id === undefined) {
      const options = { by: BY, ...(rate === undefined ? {} : { ratePerSecond: rate }) };
      console.log(`${service}: ${await letters.replayAll(filter, options)} replayed`);
    } else if (await letters.replay(id, BY)) {
      console.log(`${service}.${id}: replayed`);
    } else {
      throw new StartProblem(`There is no dead letter ${service}.${id}, or it is too old to be replayed.`, FROM_LIST, 66);
    }
  },
};

const line = (service: string, { id, type, consumer, failedAt, attempts, reason }: DeadLetter) =>
  `${service}.${id}  ${failedAt.toISOString()}  ${type}${consumer === undefined ? '' : ` → ${consumer}`}  after ${attempts} tries: ${reason}`;
