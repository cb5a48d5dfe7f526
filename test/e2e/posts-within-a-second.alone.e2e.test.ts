import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post } from './client.ts';
import { administrator, type LoggedIn, loggedIn } from './logged-in.ts';
import { type Readers, startReaders } from './readers.ts';
import { type DataFolder, dataFolder, type StoaProcess, startStoa } from './stoa-process.ts';

/** The promise of the product: no reader sees for longer what is gone. */
const LIMIT_MS = 1_000;
const ROUNDS = 15;
/** Rounds that are under way together. */
const ABREAST = 5;
const READERS = 6;

let folder: DataFolder;
let stoa: StoaProcess;
let ada: LoggedIn;
let admin: LoggedIn;
beforeAll(async () => {
  folder = await dataFolder();
  // No limits, as these readers ask without a pause, unlike people.
  stoa = await startStoa({ dataDirectory: folder.path, env: { RATE_LIMITS: 'off', MAIL_RATE_PER_SECOND: '50' } });
  ada = await loggedIn(stoa.url, { fullName: 'Ada Lovelace' });
  admin = await administrator(stoa);
});
afterAll(async () => {
  expect(await stoa.stop()).toBe(0);
  await folder[Symbol.asyncDispose]();
});

type Take = (id: string) => Promise<Response>;
const send = (method: string, path: string, { authorization }: LoggedIn) =>
  fetch(`${stoa.url}/v1/${path}`, { method, headers: { authorization } });
const change = (id: string, { authorization }: LoggedIn) =>
  fetch(`${stoa.url}/v1/posts/${id}`, {
    method: 'PATCH',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ text: 'more' }),
  });
const write = ({ authorization }: LoggedIn) =>
  post(`${stoa.url}/v1/posts`, { title: 'Notes', text: 'It can do whatever we know how to order it to perform.' }, { authorization });
const ways: [string, number, Take][] = [
  ['deleted by its author', 204, (id) => send('DELETE', `posts/${id}`, ada)],
  ['hidden by a moderator', 200, (id) => send('POST', `posts/${id}/hide`, admin)],
];

test.for(ways)('no reader sees a post that was %s a second after the answer, by itself or in the list', async ([, status, take]) => {
  await using readers = startReaders(stoa.url, READERS);
  let begun = 0;
  const rounds = async () => {
    while (begun < ROUNDS) await round(readers, status, take, begun++);
  };
  await Promise.all(Array.from({ length: ABREAST }, rounds));
});

test('the posts of a person who is blocked stay, and they write no more', async () => {
  const troll = await loggedIn(stoa.url, { fullName: 'Tess Troll' });
  const { id } = (await (await write(troll)).json()) as { id: string };
  const read = async () => await (await fetch(`${stoa.url}/v1/posts/${id}`)).json();
  await eventually(async () => expect(await read()).toMatchObject({ author: { name: 'Tess Troll' } }));
  expect((await send('POST', `users/${troll.id}/block`, admin)).status).toBe(200);
  await eventually(async () => expect((await write(troll)).status).toBe(401), { timeoutMs: LIMIT_MS });
  // Each process learns of it by itself, within a second.
  await eventually(async () => expect((await change(id, troll)).status).toBe(401));
  expect(await read()).toMatchObject({ id, author: { name: 'Tess Troll' } });
});

async function round(readers: Readers, status: number, take: Take, number: number): Promise<void> {
  const { id } = (await (await write(ada)).json()) as { id: string };
  const seen = readers.watch(id);
  await eventually(() => expect(seen.isSeenEverywhere()).toBe(true));
  expect((await take(id)).status).toBe(status);
  const answeredAt = performance.now();
  // Each reader asked once more, at both places, after the time was over.
  await eventually(() => expect(seen.askedUpTo()).toBeGreaterThan(answeredAt + LIMIT_MS));
  seen.end();
  expect(seen.lastSeenAt() - answeredAt, `round ${number}`).toBeLessThan(LIMIT_MS);
}
