import { expect, test } from 'vitest';
import { createUndecided } from './undecided.ts';

const { signal: never } = new AbortController();

test('who is alone does not wait: nobody could give a place back', async () => {
  const place = createUndecided().enter('a');
  expect(await place.otherDecided(never)).toBe(false);
});

test('each one that is decided lets the first in line go on, of its own key', async () => {
  const undecided = createUndecided();
  const [one, two, other] = [undecided.enter('a'), undecided.enter('a'), undecided.enter('b')];
  const went: string[] = [];
  const wait = (name: string) => {
    const place = undecided.enter('a');
    void place.otherDecided(never).then(() => went.push(name));
    return place;
  };
  const first = wait('first');
  wait('second');
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  other.leave();
  await turn();
  expect(went).toEqual([]);
  one.leave();
  two.leave();
  await turn();
  expect(went).toEqual(['first', 'second']);
  expect(await Promise.race([first.otherDecided(never), turn()])).toBeUndefined();
});

test('an abort takes one out of the line, and leaves those behind it there', async () => {
  const undecided = createUndecided();
  const gone = new AbortController();
  const [holder, leaving, staying] = [undecided.enter('a'), undecided.enter('a'), undecided.enter('a')];
  const left = expect(leaving.otherDecided(gone.signal)).rejects.toThrow('client gone');
  const stayed = staying.otherDecided(never);
  gone.abort(new Error('client gone'));
  await left;
  leaving.leave();
  holder.leave();
  expect(await stayed).toBe(true);
  expect(await staying.otherDecided(never)).toBe(false);
});
