import { deepStrictEqual } from 'node:assert';
import { startTestServer } from '@stoa/postgres/testing';
import { requestsPerSecond, startServer } from './load.ts';
import { besideAThousand, p95 } from './p95.ts';
import { type SeededPosts, seededPosts } from './seeded-posts.ts';
import { inTurns, type Result, type Workload } from './workload.ts';

const SMALL = 1_000;
const LARGE = 1_000_000;
const ROUNDS = 5;
const REQUESTS = 300;
/** As much as the gateway keeps by default. */
const KEPT = '33554432';

/** Posts through the gateway with a million of them, everything on. Takes many minutes, most of them for the seed: by name only. */
export const posts: Workload = async () => {
  await using stack = new AsyncDisposableStack();
  const postgres = stack.adopt(await startTestServer(), ({ stop }) => stop());
  const small = await seededPosts(postgres.url, SMALL);
  const large = await seededPosts(postgres.url, LARGE);
  return [...(await throughput(large)), ...(await latencies(small, large))];
};

/** Uncached reads beside a bare Fastify with pg on the same database, and cached reads beside a trivial route. */
async function throughput({ url }: SeededPosts): Promise<readonly Result[]> {
  await using uncached = await startServer('posts-server.ts', [url, '0']);
  await using cached = await startServer('posts-server.ts', [url, KEPT]);
  await using trivial = await startServer('gateway-server.ts');
  const list = '/v1/posts?limit=20';
  const { items, nextCursor } = (await (await fetch(`${uncached.url}${list}`)).json()) as { items: { id: string }[]; nextCursor: string };
  const one = `/v1/posts/${items[7]?.id}`;
  await using bare = await startServer('bare-posts-server.ts', [url, nextCursor]);
  for (const path of [list, one]) deepStrictEqual(await bodyOf(`${bare.url}${path}`), await bodyOf(`${uncached.url}${path}`));
  const pairs = [
    ['list of 20 posts, not cached', uncached.url + list, bare.url + list, '≥ 0.6'],
    ['one post, not cached', uncached.url + one, bare.url + one, '≥ 0.6'],
    ['list of 20 posts, cached, beside a trivial route', cached.url + list, `${trivial.url}/v1/hello`, '≥ 0.5'],
  ] as const;
  const results: Result[] = [];
  for (const [what, ours, theirs, goal] of pairs) {
    for (const url of [ours, theirs]) await requestsPerSecond({ url, duration: 2 });
    const { value, floor } = await inTurns(
      ROUNDS,
      () => requestsPerSecond({ url: ours }),
      () => requestsPerSecond({ url: theirs }),
    );
    results.push({ what, value, unit: 'requests/s', floor, goal });
  }
  return results;
}

async function latencies(small: SeededPosts, large: SeededPosts): Promise<readonly Result[]> {
  await using thousand = await startServer('posts-server.ts', [small.url, '0']);
  await using million = await startServer('posts-server.ts', [large.url, '0']);
  const [some, many] = [await questionsOf(thousand.url, small), await questionsOf(million.url, large)];
  const results: Result[] = [];
  for (const [index, { what, goal, ask }] of many.entries()) {
    const [fewer, more] = await p95(REQUESTS, some[index]?.ask as typeof ask, ask);
    results.push(besideAThousand(what, more as number, fewer as number, goal));
  }
  return results;
}

/** Words of the seed: in one post of seven to ten, and in one of two hundred. */
const COMMON = ['river', 'garden', 'light', 'silver', 'engine', 'station'];
const UNCOMMON = ['stationharbour', 'stationvalley', 'valleymeadow', 'restationneedle'];

async function questionsOf(url: string, { count, wordOf }: SeededPosts) {
  const get = async (query: string) => JSON.parse(await bodyOf(`${url}/v1/posts?${query}`)) as Page;
  const { items } = await get('limit=100');
  const authors = [...new Set(items.map(({ author }) => author.id))];
  // For a thousand posts, the last page: as many rows, with fewer before them.
  const cursor = await cursorBehind(get, Math.min(20 * 999, count - 20));
  const numbers = Array.from({ length: 50 }, (_, n) => wordOf(Math.floor((count * (n + 0.5)) / 50)));
  const goal = '≤ 2';
  const question = (what: string, queries: readonly string[], wanted?: string) => {
    let asked = 0;
    return { what, goal: wanted, ask: () => get(queries[asked++ % queries.length] as string) };
  };
  const search = (what: string, words: readonly string[], wanted?: string) =>
    question(
      `search, ${what}`,
      words.map((word) => `q=${encodeURIComponent(word)}`),
      wanted,
    );
  return [
    question('list of 20', ['limit=20'], goal),
    question('page 1,000 by cursor', [`limit=20&cursor=${cursor}`], goal),
    question(
      'by author',
      authors.map((author) => `author=${author}`),
      goal,
    ),
    search('of one post', numbers, goal),
    search('of the newest post alone', [wordOf(count - 1)], goal),
    search('of the oldest post alone', [wordOf(0)], goal),
    search('of one post in 200', UNCOMMON, goal),
    search('common', COMMON, goal),
    search('misspelt', ['stationharbuor', 'valeymeadow']),
    search('two that seldom go together', ['stationharbour valleymeadow', 'restationneedle stationvalley']),
    search(
      'common and of one post',
      numbers.map((number) => `the ${number}`),
    ),
    search("nobody's word", ['xyzzyplugh']),
  ];
}

interface Page {
  readonly items: readonly { readonly author: { readonly id: string } }[];
  readonly nextCursor: string;
}

/** @param posts in whole steps of twenty. */
async function cursorBehind(get: (query: string) => Promise<Page>, posts: number): Promise<string> {
  let { nextCursor } = await get('limit=20');
  for (let behind = 20; behind < posts; behind += 20) ({ nextCursor } = await get(`limit=20&cursor=${nextCursor}`));
  return nextCursor;
}

async function bodyOf(url: string): Promise<string> {
  const answer = await fetch(url);
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
  return await answer.text();
}
