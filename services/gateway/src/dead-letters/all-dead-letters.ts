import { type Call, type CallService, httpErrors } from '@stoa/http';
import {
  DEAD_LETTERS_PATH,
  type DeadLetterItem,
  DeadLetterPage,
  DeadLetterWithData,
  deadLetterErrors,
  Replayed,
  ReplayProgress,
} from '@stoa/kit';
import type { Logger } from '@stoa/service';
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

/** A dead letter with its service, which its id names too: `mailer.inbox-17`. */
export type DeadLetterOfService = Omit<DeadLetterItem, 'place'> & { readonly service: string };

export interface DeadLetterFilter {
  readonly service?: string | undefined;
  readonly box?: DeadLetterItem['box'] | undefined;
  readonly consumer?: string | undefined;
  readonly type?: string | undefined;
}

/** Where a page ends in the list of each service; a service of which nothing was shown yet is absent. */
export type Places = ReadonlyMap<string, string>;

export interface DeadLettersPage {
  readonly items: readonly DeadLetterOfService[];
  /** Absent on the last page. */
  readonly next: Places | undefined;
  /** Services that could not be reached: their dead letters are missing. */
  readonly unavailable: readonly string[];
}

/** The dead letters of all services as one list. Nothing is kept here: each service is asked each time. */
export interface AllDeadLetters {
  /** Newest failure first. */
  list(filter: DeadLetterFilter, limit: number, after: Places): Promise<DeadLettersPage>;
  /** With its payload. @throws 404 `dead_letter_not_found`; 503 when its service is away. */
  get(id: string): Promise<DeadLetterOfService & Pick<Static<typeof DeadLetterWithData>, 'data' | 'lastReplay'>>;
  /** Replays one. @throws as `get`; 409 `dead_letter_too_old`. */
  replay(id: string, by: string): Promise<void>;
  /** Replays all that match, so many a second in each service. Of a service that became unavailable meanwhile only some are replayed. */
  replayAll(
    filter: DeadLetterFilter,
    ratePerSecond: number,
    by: string,
  ): Promise<{ readonly replayed: number; readonly unavailable: readonly string[] }>;
}

interface Found {
  readonly service: string;
  readonly letters: DeadLetterItem[];
  readonly hasMore: boolean;
}

const ID = /^([a-z][a-z0-9-]{0,62})\.((?:inbox|outbox|tasks)-[1-9]\d{0,17})$/;

export function createAllDeadLetters(call: CallService, services: readonly string[], log: Logger): AllDeadLetters {
  const page = reader(DeadLetterPage);
  const one = reader(DeadLetterWithData);
  const replayed = reader(Replayed);
  const progress = reader(ReplayProgress);

  async function ask<T>(service: string, read: (body: unknown) => T | undefined, request: Call): Promise<T> {
    const { status, body } = await call(service, request);
    if (status === 404) throw deadLetterErrors.dead_letter_not_found();
    if (status === 409) throw deadLetterErrors.dead_letter_too_old();
    const answer = status === 200 ? read(body) : undefined;
    if (answer === undefined)
      throw httpErrors.service_unavailable({ message: `The service ${service} answered ${status}, and not with dead letters.` });
    return answer;
  }

  /** Asks all services that match `filter`; an unavailable one must not hide the others. */
  async function askAll<T>({ service: only }: DeadLetterFilter, work: (service: string) => Promise<T>) {
    const asked = services.filter((name) => only === undefined || name === only);
    const answers = await Promise.allSettled(asked.map(work));
    const unavailable: string[] = [];
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 'fulfilled') continue;
      unavailable.push(asked[index] as string);
      log.warn({ err: answer.reason, service: asked[index] }, 'a service could not be asked for its dead letters');
    }
    return { answers: answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value), unavailable };
  }

  const placeOf = (id: string) => {
    const [, service, own] = ID.exec(id) ?? [];
    if (service === undefined || own === undefined || !services.includes(service)) throw deadLetterErrors.dead_letter_not_found();
    return { service, path: `${DEAD_LETTERS_PATH}/${own}` };
  };

  return {
    async list({ service: only, ...filter }, limit, after) {
      const { answers, unavailable } = await askAll({ service: only }, async (service): Promise<Found> => {
        const query = new URLSearchParams({ limit: String(limit), ...given({ ...filter, cursor: after.get(service) }) });
        const { items, nextCursor } = await ask(service, page, { method: 'GET', path: `${DEAD_LETTERS_PATH}?${query}` });
        return { service, letters: items, hasMore: nextCursor !== null };
      });
      const merged = merge(answers, limit);
      const places = new Map(after);
      for (const { service, letter } of merged) places.set(service, letter.place);
      const isMore = answers.some(({ letters, hasMore }) => hasMore || letters.length > 0);
      return { items: merged.map(toItem), next: isMore ? places : undefined, unavailable };
    },

    async get(id) {
      const { service, path } = placeOf(id);
      const { data, lastReplay, ...letter } = await ask(service, one, { method: 'GET', path });
      return { ...toItem({ service, letter }), data, lastReplay };
    },

    async replay(id, by) {
      const { service, path } = placeOf(id);
      await ask(service, replayed, { method: 'POST', path: `${path}/replay`, body: { by } });
    },

    async replayAll({ service: only, ...filter }, ratePerSecond, by) {
      let total = 0;
      const { unavailable } = await askAll({ service: only }, async (service) => {
        const path = `${DEAD_LETTERS_PATH}/replays`;
        let moved = 0;
        let step = await ask(service, progress, { method: 'POST', path, body: { ...given(filter), ratePerSecond, by } });
        for (;;) {
          total += step.replayed - moved;
          moved = step.replayed;
          if (step.isFinished) return;
          step = await ask(service, progress, { method: 'POST', path: `${path}/${step.replay}` });
        }
      });
      return { replayed: total, unavailable };
    },
  };
}

/** Takes the newest of all lists until there are `limit`; the order within a list stays, what is left stays in it. */
function merge(lists: readonly Found[], limit: number): { service: string; letter: DeadLetterItem }[] {
  const merged: { service: string; letter: DeadLetterItem }[] = [];
  while (merged.length < limit) {
    const heads = lists.filter(({ letters }) => letters.length > 0);
    const newest = heads.reduce<Found | undefined>((best, list) => (best && failedAt(best) >= failedAt(list) ? best : list), undefined);
    const letter = newest?.letters.shift();
    if (newest === undefined || letter === undefined) break;
    merged.push({ service: newest.service, letter });
  }
  return merged;
}

const failedAt = ({ letters }: Found): string => letters[0]?.failedAt ?? '';

const toItem = ({ service, letter: { place: _place, id, ...letter } }: { service: string; letter: DeadLetterItem }) => ({
  ...letter,
  id: `${service}.${id}`,
  service,
});

/** Without what is undefined. */
const given = (values: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined));

function reader<S extends TSchema>(schema: S): (body: unknown) => Static<S> | undefined {
  const compiled = Compile(schema);
  return (body) => (compiled.Check(body) ? (body as Static<S>) : undefined);
}
