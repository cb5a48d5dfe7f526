import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, type PostsUnderTest, postsUnderTest, type ShownPage, times } from './testing/posts-under-test.ts';

let stoa: PostsUnderTest;
let ada: Person;
let moderator: Person;
beforeAll(async () => {
  stoa = await postsUnderTest();
  ada = await stoa.person();
  moderator = await stoa.person('posts:moderate');
});
afterAll(() => stoa[Symbol.asyncDispose]());

const get = async (url: string, as?: Person) => {
  const answer = await stoa.send('GET', url, { as });
  return { status: answer.statusCode, ...answer.json() };
};
const idsOf = ({ items }: ShownPage) => items.map(({ id }) => id);
const newestFirst = (ids: readonly string[]) => ids.toSorted().reverse();

describe('reading', () => {
  test('is for everybody, and a bad token is refused all the same', async () => {
    const { id } = await stoa.write(ada);
    const expired = { id: '', authorization: 'Bearer nonsense' };
    for (const url of ['/v1/posts', `/v1/posts?author=${ada.id}`, '/v1/posts?q=title', `/v1/posts/${id}`]) {
      expect(await get(url)).toMatchObject({ status: 200 });
      expect(await get(url, ada)).toMatchObject({ status: 200 });
      expect(await get(url, await stoa.serviceAccount())).toMatchObject({ status: 200 });
      expect(await get(url, expired)).toMatchObject({ status: 401, code: 'token_invalid' });
    }
  });

  test('of a post that is not there is 404', async () => {
    expect(await get(`/v1/posts/${randomUUID()}`)).toMatchObject({ status: 404, code: 'post_not_found' });
  });

  test('finds a post whatever the case of its id', async () => {
    const { id } = await stoa.write(ada);
    expect(await get(`/v1/posts/${id.toUpperCase()}`)).toMatchObject({ status: 200, id });
  });

  test('of somebody without a post gives an empty list', async () => {
    expect(await get(`/v1/posts?author=${randomUUID()}`)).toEqual({ status: 200, items: [], nextCursor: null });
  });
});

describe('a list is refused', () => {
  test.for(['limit=0', 'limit=101', 'limit=x', 'limit=-1', 'limit=1.5', 'limit=', 'limit=1&limit=2', 'limit=9007199254740993'])(
    'with %s',
    async (query) => {
      expect(await get(`/v1/posts?${query}`)).toMatchObject({ status: 400, code: 'validation_failed', errors: [{ path: '/query/limit' }] });
    },
  );

  test.for([
    ['author', 'author=x'],
    ['author', 'author=urn:uuid:00000000-0000-7000-8000-000000000000'],
    ['limit', 'limit=1e400'],
    ['author', 'author='],
    ['q', 'q='],
    ['q', `q=${'a'.repeat(201)}`],
    ['q', 'q=a&q=b'],
    ['q', 'q=a%00b'],
    ['hidden', 'hidden=false'],
    ['order', 'order=asc'],
  ] as const)('naming %s with %s', async ([path, query]) => {
    expect(await get(`/v1/posts?${query}`)).toMatchObject({ status: 400, code: 'validation_failed', errors: [{ path: `/query/${path}` }] });
  });
});

describe('a cursor', () => {
  test('is of its own query, and of no other', async () => {
    const author = await stoa.person();
    await times(3, () => stoa.write(author, { title: 'Cursor here', text: 'Cursory.' }));
    const queries = ['', `author=${author.id}`, `author=${ada.id}`, 'q=cursor', 'q=here', `q=cursor&author=${author.id}`];
    await times(2, () => stoa.write(ada, { title: 'Cursor here' }));
    for (const query of queries) {
      const { nextCursor } = await stoa.page(`${query}&limit=1`);
      expect(nextCursor).not.toBeNull();
      for (const other of queries) {
        const answer = await get(`/v1/posts?${other}&cursor=${nextCursor}`);
        if (other === query) expect(answer).toMatchObject({ status: 200 });
        else expect(answer, `${query} → ${other}`).toMatchObject({ status: 400, code: 'invalid_cursor' });
      }
    }
  });

  test('goes on with another limit', async () => {
    const author = await stoa.person();
    const ids = newestFirst((await times(5, () => stoa.write(author))).map(({ id }) => id));
    const { nextCursor } = await stoa.page(`author=${author.id}&limit=1`);
    expect(idsOf(await stoa.page(`author=${author.id}&limit=100&cursor=${nextCursor}`))).toEqual(ids.slice(1));
  });

  test('that is edited, or anything at all, is refused', async () => {
    await times(2, () => stoa.write(ada));
    const cursor = (await stoa.page('limit=1')).nextCursor as string;
    const edits = [cursor.slice(1), `${cursor}A`, cursor.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')), randomUUID(), ''];
    for (const edited of edits) expect(await get(`/v1/posts?cursor=${edited}`)).toMatchObject({ status: 400, code: 'invalid_cursor' });
  });
});

describe('walking through pages while posts come and go', () => {
  const COUNT = 45;

  /** Reads page by page; between two pages some that were shown and some that come are deleted or hidden, and others are written. */
  async function walk(query: string, author: Person, text: string): Promise<{ seen: string[]; stayed: string[] }> {
    const all = new Set((await times(COUNT, () => stoa.write(author, { title: 'Walk', text }))).map(({ id }) => id));
    const seen: string[] = [];
    let pages = 0;
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: ShownPage = await stoa.page(`${query}&limit=7${cursor && `&cursor=${cursor}`}`);
      seen.push(...idsOf(page));
      cursor = page.nextCursor;
      const shown = seen.filter((id) => all.has(id));
      const coming = [...all].filter((id) => !seen.includes(id));
      // Every other time the very post that the cursor stands at.
      const [first, second, third] = [shown.at((pages += 1) % 2 === 0 ? -1 : -2), coming[0], coming.at(-1)];
      for (const id of [first, second])
        if (id !== undefined && all.delete(id)) await stoa.send('DELETE', `/v1/posts/${id}`, { as: author });
      if (third !== undefined && all.delete(third)) await stoa.send('POST', `/v1/posts/${third}/hide`, { as: moderator });
      stoa.clock.advance(1);
      await times(3, () => stoa.write(author, { title: 'Walk', text }));
    }
    return { seen, stayed: [...all] };
  }

  test.for(['everything', 'an author', 'one word', 'several words', 'words that are misspelt'])(
    'of %s misses none that stays, and shows none twice, newest first',
    async (what) => {
      const author = await stoa.person();
      // A word of letters alone, which differs in more than one of them from those of the other walks.
      const word = randomUUID()
        .replaceAll(/[^a-f]/g, '')
        .concat('walks', what.replaceAll(' ', ''))
        .slice(0, 30);
      const queries: Record<string, string> = {
        everything: '',
        'an author': `author=${author.id}`,
        'one word': `q=${word}`,
        'several words': `q=walk ${word}`,
        'words that are misspelt': `q=${word.slice(1)}`,
      };
      const { seen, stayed } = await walk(queries[what] as string, author, `About ${word}.`);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual(newestFirst(seen));
      expect(stayed.length).toBeGreaterThan(20);
      expect(stayed.filter((id) => !seen.includes(id))).toEqual([]);
    },
  );
});

describe('whatever is asked for', () => {
  const HOSTILE = [
    '1e400',
    '-1e400',
    'urn:uuid:00000000-0000-7000-8000-000000000000',
    '\u0000',
    '\u001b[31m',
    '\u200f\u202e',
    '%',
    "'",
    "''",
    '\\',
    "\\'",
    "'; drop table posts; --",
    "' | 'a':* & !(",
    '$1',
    '::tsquery',
    '<script>',
    '../../etc/passwd',
    '{"$gt":""}',
    '𠀀'.repeat(200),
    'é'.normalize('NFD').repeat(200),
    '\u{1F3DB}',
    `{${randomUUID()}}`,
    'NaN',
    '-0',
    '__proto__',
  ];

  test.for(HOSTILE)('%j anywhere is refused or inert', async (text) => {
    await stoa.write(ada);
    const part = encodeURIComponent(text);
    const urls = ['q', 'author', 'cursor', 'limit', 'hidden', text].map((name) => `/v1/posts?${encodeURIComponent(name)}=${part}`);
    for (const url of [...urls, `/v1/posts/${part}`]) expect((await get(url)).status, url).toBeLessThan(500);
    for (const method of ['PATCH', 'DELETE'] as const) {
      const answer = await stoa.send(method, `/v1/posts/${part}`, { as: ada, ...(method === 'PATCH' && { body: { text: 'a' } }) });
      expect([400, 404]).toContain(answer.statusCode);
    }
    expect([400, 404]).toContain((await stoa.send('POST', `/v1/posts/${part}/hide`, { as: moderator })).statusCode);
    expect((await stoa.page()).items).not.toEqual([]);
  });

  test.for(['%ed%a0%80', '%ff', '%c0%80', '%', '%4', '%f4%90%80%80'])('bytes that are no text are refused or inert: %s', async (part) => {
    for (const url of [`/v1/posts?q=${part}`, `/v1/posts?author=${part}`, `/v1/posts?cursor=${part}`, `/v1/posts/${part}`]) {
      expect((await get(url)).status, url).toBeLessThan(500);
    }
  });

  test('any text of up to 200 code points is a search', async () => {
    await stoa.write(ada, { title: 'Any text', text: 'What there is, ’tis ﬁne: ΟΔΟΣ 東京 ภาษาไทย e\u0301.' });
    const units = fc.oneof(fc.string({ unit: 'binary', maxLength: 100 }), fc.string({ unit: 'grapheme', maxLength: 50 }));
    const syntax = fc.array(fc.constantFrom("'", '\\', '&', '|', '!', ':*', '<->', '(', ')', ' ', 'any', 'text', 'ﬁ', 'ŉ', 'ʼ'), {
      maxLength: 40,
    });
    const texts = fc.oneof(
      units,
      syntax.map((parts) => parts.join('')),
      fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 200 }),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (q) => {
        const composed = q.normalize('NFC');
        const isText = composed.length > 0 && [...composed].length <= 200 && !/\p{Cc}/u.test(q.replaceAll(/[\t\n\r]/g, ''));
        const { status } = await get(`/v1/posts?q=${encodeURIComponent(q)}`);
        expect(status).toBe(isText ? 200 : 400);
      }),
      { numRuns: 500 },
    );
  });
});
