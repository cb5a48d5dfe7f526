import { startTestService } from '@stoa/kit/testing';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { posts } from './index.ts';

test('posts that an older version indexed are found again after the job, batch by batch, and are then left alone', async () => {
  await using service = await startTestService(posts);
  const ada = await service.person();
  const write = async (n: number) =>
    (await service.send('POST', '/v1/posts', { as: ada, body: { title: `Number${n}`, text: 'O’Brien in 南大門市場' } })).json().id;
  const ids: string[] = [];
  for (let n = 0; n < 101; n += 1) ids.push(await write(n));
  const { query } = service.database;
  await sql`update posts set search_version = 1, search = array_to_tsvector('{o,brien}')`.execute(query);
  const found = async (q: string) => {
    const answer = await service.send('GET', `/v1/posts?limit=100&q=${encodeURIComponent(q)}`);
    return answer.json().items.length;
  };
  expect([await found('number100'), await found('市場')]).toEqual([0, 0]);

  await service.runJob('index-posts-again');
  expect([await found('number100'), await found('obrien'), await found('市場')]).toEqual([1, 100, 100]);
  const { rows } = await sql<{ versions: number[] }>`select array_agg(distinct search_version) as versions from posts`.execute(query);
  expect(rows).toEqual([{ versions: [2] }]);

  const before = await sql`select xmin, id from posts order by id`.execute(query);
  await service.runJob('index-posts-again');
  expect((await sql`select xmin, id from posts order by id`.execute(query)).rows).toEqual(before.rows);
});
