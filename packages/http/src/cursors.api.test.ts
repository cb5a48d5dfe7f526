import { randomBytes } from 'node:crypto';
import { createKeys } from '@stoa/service';
import fc from 'fast-check';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCursors, type Http, Page, PageQuery } from './index.ts';
import { declaredCodes } from './testing/index.ts';
import { thingsHttp } from './testing/things.ts';

const secret = randomBytes(32).toString('base64');
const cursors = createCursors(createKeys(secret));
const scope = { list: 'things', of: 'ada', status: 'open' };
const refused = expect.objectContaining({ kind: 'invalid', code: 'invalid_cursor' });
const outcome = (...[of, cursor]: [unknown, string]) => {
  try {
    return cursors.decode(of, cursor);
  } catch (error) {
    return error;
  }
};

describe('a cursor', () => {
  test('gives back what it was made of, in any copy of the service', () => {
    const other = createCursors(createKeys(secret));
    const scalar = fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean(), fc.constant(null));
    fc.assert(fc.property(fc.array(scalar), (values) => void expect(other.decode(scope, cursors.encode(scope, values))).toEqual(values)));
  });

  test('is none on the first page', () => {
    expect(cursors.decode(scope, undefined)).toBeUndefined();
  });

  test('belongs to its query, in whatever order that names its parts', () => {
    const cursor = cursors.encode(scope, [1]);
    expect(outcome({ status: 'open', of: 'ada', list: 'things' }, cursor)).toEqual([1]);
    for (const other of [{ ...scope, of: 'eve' }, { ...scope, q: '' }, { list: 'things' }, 'things', null, undefined]) {
      expect(outcome(other, cursor)).toEqual(refused);
    }
  });

  test('of another secret is refused', () => {
    const theirs = createCursors(createKeys(randomBytes(32).toString('base64')));
    expect(outcome(scope, theirs.encode(scope, [1]))).toEqual(refused);
  });

  test('is refused when any of its characters is another, or one is added or missing', () => {
    const cursor = cursors.encode(scope, ['2026-11-21', 7]);
    for (let at = 0; at < cursor.length; at += 1) {
      const edited = `${cursor.slice(0, at)}${cursor[at] === 'A' ? 'B' : 'A'}${cursor.slice(at + 1)}`;
      expect(outcome(scope, edited), edited).toEqual(refused);
      expect(outcome(scope, cursor.slice(0, at))).toEqual(refused);
    }
    for (const more of ['A', '=', '.', ' ', '\n']) expect(outcome(scope, cursor + more)).toEqual(refused);
  });

  test('is refused when it is anything at all', () => {
    fc.assert(fc.property(fc.string(), (text) => void expect(outcome(scope, text)).toEqual(refused)));
  });
});

describe('a page', () => {
  const rows = ['a', 'b', 'c'].map((id) => ({ id, at: `time of ${id}` }));

  test('asks for one row more than it shows, from where the page before ended', () => {
    const first = cursors.page(scope, { limit: 2 });
    expect(first).toMatchObject({ limit: 3, after: undefined });
    const { items, nextCursor } = first.answer(rows, ({ id }) => id);
    expect(items).toEqual(rows.slice(0, 2));
    expect(cursors.page(scope, { limit: 2, cursor: nextCursor ?? '' }).after).toBe('b');
  });

  test('ends at a position of several values', () => {
    const { nextCursor } = cursors.page<[string, string]>(scope, { limit: 1 }).answer(rows, ({ at, id }) => [at, id]);
    expect(cursors.page<[string, string]>(scope, { limit: 1, cursor: nextCursor ?? '' }).after).toEqual(['time of a', 'a']);
  });

  test('is the last one where there is no row more', () => {
    expect(cursors.page(scope, { limit: 3 }).answer(rows, ({ id }) => id).nextCursor).toBeNull();
    expect(cursors.page(scope, { limit: 3 }).answer([], () => '')).toEqual({ items: [], nextCursor: null });
  });

  test('is refused by the cursor of another scope', () => {
    const { nextCursor } = cursors.page(scope, { limit: 1 }).answer(rows, ({ id }) => id);
    expect(() => cursors.page({ ...scope, of: 'eve' }, { limit: 1, cursor: nextCursor ?? '' })).toThrow('cursor');
  });

  // Copies of two versions serve one list while one takes the place of the other.
  test('reads and writes the cursors that there were before pages', () => {
    expect(cursors.page(scope, { limit: 1, cursor: cursors.encode(scope, ['b']) }).after).toBe('b');
    const { nextCursor } = cursors.page(scope, { limit: 1 }).answer(rows, ({ id }) => id);
    expect(cursors.decode(scope, nextCursor ?? '')).toEqual(['a']);
  });
});

describe('a list', () => {
  let http: Http;
  const all = Array.from({ length: 45 }, (_, index) => index);
  const querystring = PageQuery({ even: Type.Optional(Type.Boolean()) });
  const ThingPage = Page('ThingPage', Type.Object({ id: Type.Integer() }));
  beforeAll(async () => {
    http = await thingsHttp();
    http.get('/v1/things', { schema: { querystring, response: { 200: ThingPage } } }, async ({ query }) => {
      const { limit, cursor, ...filters } = query;
      const page = cursors.page<number>(filters, { limit, cursor });
      const { after = -1 } = page;
      const rows = all.filter((id) => id > after && (!filters.even || id % 2 === 0)).slice(0, page.limit);
      return page.answer(
        rows,
        (id) => id,
        (id) => ({ id }),
      );
    });
    await http.ready();
  });
  afterAll(() => http.close());

  const get = async (query: string) => {
    const answer = await http.inject(`/v1/things?${query}`);
    return { status: answer.statusCode, ...answer.json() };
  };
  const pages = async (query: string) => {
    const found: number[][] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: { items: { id: number }[]; nextCursor: string | null } = await get(`${query}${cursor && `&cursor=${cursor}`}`);
      found.push(page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    return found;
  };

  test('is read page by page, 20 at a time by default', async () => {
    expect((await pages('')).map(({ length }) => length)).toEqual([20, 20, 5]);
    expect((await pages('even=true&limit=10')).flat()).toEqual(all.filter((id) => id % 2 === 0));
  });

  test('ends with a page that is full, where there is no more', async () => {
    expect((await pages('limit=15')).map(({ length }) => length)).toEqual([15, 15, 15]);
  });

  test.for(['limit=0', 'limit=101', 'limit=', 'limit=1.5', 'limit=all'])('refuses %s', async (query) => {
    expect(await get(query)).toMatchObject({ status: 400, code: 'validation_failed', errors: [{ path: '/query/limit' }] });
  });

  test('takes the cursor of the same filters alone', async () => {
    const { nextCursor } = await get('limit=1');
    expect((await get(`limit=100&cursor=${nextCursor}`)).items).toHaveLength(44);
    expect(await get(`even=true&cursor=${nextCursor}`)).toMatchObject({ status: 400, code: 'invalid_cursor' });
    expect(await get('cursor=')).toMatchObject({ status: 400, code: 'invalid_cursor' });
  });

  test('shows in its description that a cursor may be refused', () => {
    expect(declaredCodes(http, 'GET', '/v1/things')[400]).toContain('invalid_cursor');
  });
});
