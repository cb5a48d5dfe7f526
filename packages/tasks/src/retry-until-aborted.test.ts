import { databaseErrors } from '@stoa/postgres';
import { createLog, defineErrors } from '@stoa/service';
import { beforeEach, expect, test } from 'vitest';
import { retryUntilAborted } from './retry-until-aborted.ts';

const lines: { msg: string }[] = [];
const log = createLog({ destination: { write: (line: string) => void lines.push(JSON.parse(line)) } });
beforeEach(() => void lines.splice(0));
const { signal } = new AbortController();
/** Fails so often, and then succeeds. */
const failing = (times: number, error: () => Error) => {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls <= times) throw error();
    return calls;
  };
};

test.each(['database_busy', 'database_unavailable'] as const)('work is repeated while it ends in %s', async (code) => {
  expect(await retryUntilAborted(failing(3, databaseErrors[code]), { signal, log, everyMs: 1 })).toBe(4);
});

test('an outage is logged at its begin and then once a minute, not with each repeat', async () => {
  await retryUntilAborted(failing(61, databaseErrors.database_unavailable), { signal, log, everyMs: 1 });
  expect(lines.map(({ msg }) => msg)).toEqual(
    Array(2).fill('what has happened cannot be written down, will try again: the database is away'),
  );
});

test('no other error is repeated, also not one that is unavailable in another sense', async () => {
  const { event_too_new } = defineErrors({ event_too_new: { kind: 'unavailable', title: 'Too new.', cause: 'c', fix: 'f' } });
  for (const error of [event_too_new(), new TypeError('x is not a function')])
    await expect(
      retryUntilAborted(
        failing(1, () => error),
        { signal, log, everyMs: 1 },
      ),
    ).rejects.toBe(error);
  expect(lines).toEqual([]);
});

test('nothing is repeated once it is aborted', async () => {
  const ending = new AbortController();
  const work = async (): Promise<never> => {
    ending.abort();
    throw databaseErrors.database_unavailable();
  };
  await expect(retryUntilAborted(work, { signal: ending.signal, log })).rejects.toMatchObject({ code: 'database_unavailable' });
});
