import type { Logger } from '@stoa/service';
import { expect, test } from 'vitest';
import { createWaitingRoutes } from './waiting-routes.ts';

const open = { type: 'rain', subscribers: ['garden'] };
const gone = { type: 'rain', subscribers: ['garden', 'gone'] };

function listening() {
  const lines: string[] = [];
  const note = (_: object, line: string) => void lines.push(line);
  return { waiting: createWaitingRoutes({ info: note, warn: note } as unknown as Logger), lines };
}

test('a type waits for the subscribers that lack, and not for others; the log says it once', () => {
  const { waiting, lines } = listening();
  for (let now = performance.now(), tries = 0; tries < 5; tries++, now += 60_000) {
    waiting.add(gone, 'gone is not there', now);
    waiting.delete(open);
    expect(waiting.at(now).has(gone)).toBe(true);
    expect(waiting.at(now).has(open)).toBe(false);
  }
  expect(waiting.describe()).toBe('rain waits: gone is not there');
  expect(lines).toEqual(['messages wait: a declared subscriber is not there']);
  waiting.delete(gone);
  expect(waiting.describe()).toBeUndefined();
  expect(lines).toHaveLength(2);
});

test('at any moment a route is either looked for or waited for', () => {
  const { waiting } = listening();
  const now = performance.now();
  expect(waiting.at(now)).toMatchObject({ names: [], until: Number.POSITIVE_INFINITY });
  waiting.add(gone, 'gone is not there', now);
  const { names, until } = waiting.at(now);
  expect(names).toEqual(['rain to garden, gone']);
  expect(waiting.at(until - 1)).toMatchObject({ names, until });
  expect(waiting.at(until)).toMatchObject({ names: [], until: Number.POSITIVE_INFINITY });
});

test('a route that nothing is there for any more is forgotten when its wait is over', () => {
  const { waiting, lines } = listening();
  const now = performance.now();
  waiting.add(gone, 'gone is not there', now);
  waiting.forgetAwake(waiting.at(now));
  expect(waiting.describe()).toBe('rain waits: gone is not there');
  waiting.forgetAwake(waiting.at(now + 60_000));
  expect(waiting.describe()).toBeUndefined();
  expect(lines).toEqual(['messages wait: a declared subscriber is not there', 'no message waits any more']);
});
