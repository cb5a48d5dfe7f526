import { randomUUID } from 'node:crypto';
import { fakeClock } from '@stoa/service';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cleanUp } from './clean-up.ts';
import { type PostsDatabase, postsDatabase } from './testing/posts-database.ts';
import { createWritePosts } from './write-posts.ts';

let system: PostsDatabase;
let write: (text: string, author?: string) => Promise<string>;
const clock = fakeClock();
beforeAll(async () => {
  system = await postsDatabase();
  const posts = createWritePosts({ database: system.database, outbox: system.outbox, clock });
  write = async (text, author = randomUUID()) => (await posts.create(author, { title: 'x', text })).id;
});
afterAll(() => system[Symbol.asyncDispose]());
beforeEach(async () => {
  for (const table of ['posts', 'words', 'authors']) await sql`delete from ${sql.table(table)}`.execute(system.database.query);
});

const runCleanUp = () => system.database.transaction<unknown>((tx) => cleanUp.handle(tx, {}));
const words = async () => {
  const { rows } = await sql<{ word: string; age: number }>`select word, current_date - used_on as age from words order by word`.execute(
    system.database.query,
  );
  return Object.fromEntries(rows.map(({ word, age }) => [word, age]));
};
const age = (word: string, days: number) =>
  sql`insert into words (word, used_on) values (${word}, current_date - ${days}::int)
    on conflict (word) do update set used_on = excluded.used_on`.execute(system.database.query);

test('expired data is removed a batch at a time, and the job says whether there may be more', async () => {
  const { query } = system.database;
  await sql`
    insert into authors (id, deleted_at)
    select gen_random_uuid(), now() - case when n <= 2500 then 31 else 29 end * interval '1 day' from generate_series(1, 2510) as n`.execute(
    query,
  );
  const left = async () => (await sql<{ n: number }>`select count(*)::int as n from authors`.execute(query)).rows.map(({ n }) => n);
  const said: unknown[] = [];
  for (let n = 0; n < 3; n += 1) said.push(await runCleanUp(), ...(await left()));
  expect(said).toEqual(['more', 1_510, 'more', 510, undefined, 10]);
});

describe('words', () => {
  test('that no post uses are forgotten when they are older than 30 days', async () => {
    for (const days of [0, 29, 30, 31, 400]) await age(`unused${days}`, days);
    await runCleanUp();
    expect(await words()).toEqual({ unused0: 0, unused29: 29, unused30: 30 });
  });

  test('that a post uses stay, however old, and are looked at again in 30 days', async () => {
    await write('Evergreen things');
    await age('evergreen', 31);
    await age('things', 400);
    await age('evergreens', 31);
    await runCleanUp();
    expect(await words()).toEqual({ evergreen: 0, things: 0 });
  });

  test('of a post that is hidden stay, as it may be shown again', async () => {
    await write('Obfuscated');
    await sql`update posts set hidden_at = now()`.execute(system.database.query);
    await age('obfuscated', 31);
    await runCleanUp();
    expect(await words()).toEqual({ obfuscated: 0 });
  });

  test('that are in use keep none that are not from being forgotten', async () => {
    const used = Array.from({ length: 250 }, (_, n) => `used${n}`);
    await write(used.join(' '));
    for (const word of used) await age(word, 50);
    await age('unused', 40);
    for (let run = 0; run < 3; run += 1) await runCleanUp();
    expect(Object.keys(await words()).sort()).toEqual(used.toSorted());
  });

  test('are known afterwards, when a post uses them at the moment when they are forgotten', async () => {
    for (let round = 0; round < 15; round += 1) {
      const some = Array.from({ length: 40 }, (_, n) => `word${round}x${n}`);
      for (const word of some) await age(word, 31);
      await Promise.all([runCleanUp(), write(some.join(' ')), runCleanUp(), write(some.toReversed().join(' ')), runCleanUp()]);
      const known = await words();
      expect(some.filter((word) => known[word] === undefined)).toEqual([]);
    }
  });
});

describe('authors', () => {
  const authors = async () => {
    const { rows } = await sql<{ id: string }>`select id from authors`.execute(system.database.query);
    return rows.map(({ id }) => id).sort();
  };
  const gone = async (since: string): Promise<string> => {
    const id = randomUUID();
    await sql`insert into authors (id, deleted_at) values (${id}, now() - ${since}::interval)`.execute(system.database.query);
    return id;
  };

  test('who are gone are remembered for 30 days, as an event of them may still come', async () => {
    const kept = [await gone('0'), await gone('30 days -1 minute')];
    await gone('30 days 1 minute');
    await gone('1 year');
    await runCleanUp();
    expect(await authors()).toEqual(kept.sort());
  });

  test('who are there stay, with posts or without', async () => {
    const [writing, silent] = [randomUUID(), randomUUID()];
    await write('a', writing);
    await sql`insert into authors (id, name, version) values (${silent}, 'Ada', 1)`.execute(system.database.query);
    await runCleanUp();
    expect(await authors()).toEqual([writing, silent].sort());
  });

  test('who are gone stay for as long as a post is theirs', async () => {
    const id = await gone('0');
    await sql`update authors set deleted_at = null`.execute(system.database.query);
    await write('a', id);
    await sql`update authors set deleted_at = now() - interval '40 days'`.execute(system.database.query);
    await runCleanUp();
    expect(await authors()).toEqual([id]);
    await sql`delete from posts`.execute(system.database.query);
    await runCleanUp();
    expect(await authors()).toEqual([]);
  });
});

test('posts with the same new words in opposite orders are all written: none waits for another that waits for it', async () => {
  for (let round = 0; round < 5; round += 1) {
    const some = Array.from({ length: 400 }, (_, n) => `fresh${round}${String.fromCharCode(97 + (n % 26), 97 + (n % 17))}${n}`);
    const texts = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? some : some.toReversed()).join(' '));
    const ids = await Promise.all(texts.map((text) => write(text)));
    expect(new Set(ids).size).toBe(20);
  }
});
