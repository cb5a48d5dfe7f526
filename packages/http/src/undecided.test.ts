import { expect, test } from 'vitest';
import { createUndecided } from './undecided.ts';

const { signal: never } = new AbortController();

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('a lone request waits for a moment only, as no other one here could wake it', async () => {
  const place = createUndecided().enter('a');
  await place.otherDecided(never);
  const gone = new AbortController();
  const left = expect(place.otherDecided(gone.signal)).rejects.toThrow('client gone');
  gone.abort(new Error('client gone'));
  await left;
  await expect(place.otherDecided(gone.signal)).rejects.toThrow('client gone');
});

test('at least one of those that wait is polling', async () => {
  const undecided = createUndecided();
  const [one, two] = [undecided.enter('a'), undecided.enter('a')];
  const first = one.otherDecided(never);
  await two.otherDecided(never);
  two.admitted();
  await first;
});

test('each decision lets the first in line of the same key go on', async () => {
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
  other.leave();
  await turn();
  expect(went).toEqual([]);
  one.leave();
  two.leave();
  await turn();
  expect(went).toEqual(['first', 'second']);
  first.leave();
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
  await stayed;
  staying.leave();
});
