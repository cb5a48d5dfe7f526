import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Http, IdParams, IfMatch, Nullable, PageQuery, Text } from './index.ts';
import { thingsHttp } from './testing/things.ts';

const closed = { additionalProperties: false };
const Id = Type.String({ format: 'uuid' });
const Place = Type.Object({ owner: Nullable(Id) }, closed);
const Body = Type.Object(
  {
    title: Text({ minLength: 1, maxLength: 40 }),
    note: Type.Optional(Text({ maxLength: 20 })),
    count: Type.Optional(Type.Integer({ minimum: 1 })),
    friends: Type.Optional(Type.Array(Id, { maxItems: 50, uniqueItems: true })),
    place: Type.Optional(Place),
    at: Type.Optional(Type.String({ format: 'date-time' })),
  },
  closed,
);
/** What the rules were asked about. */
let drafts: object[] = [];
let http: Http;

beforeAll(async () => {
  http = await thingsHttp();
  const rules = async (draft: { title?: string }) => {
    drafts.push(draft);
    if (draft.title !== 'bad') return [];
    return ['/title', '/count'].map((path) => ({ path, message: 'is refused by the rules' }));
  };
  const schema = {
    params: IdParams(),
    querystring: PageQuery({ by: Type.Optional(Type.Array(Id)) }),
    headers: IfMatch,
    body: Body,
  };
  http.put('/v1/things/:id', { schema, config: { rules } }, async ({ params, query, body }) => ({ params, query, body }));
  await http.ready();
});
afterAll(() => http.close());

async function put({ id = randomUUID() as string, query = '', body = {} as object | null, headers = {} }) {
  drafts = [];
  const answer = await http.inject({
    method: 'PUT',
    url: `/v1/things/${id}${query}`,
    headers: { 'content-type': 'application/json', ...headers },
    payload: JSON.stringify(body),
  });
  const { errors = [] } = answer.json();
  return { status: answer.statusCode, json: answer.json(), paths: errors.map(({ path }: { path: string }) => path), errors };
}

describe('one answer names', () => {
  test('what is wrong with path, query, headers and body, by schema, text and rule', async () => {
    const answer = await put({
      id: '1',
      query: '?limit=0&other=1',
      headers: { 'if-match': 'x' },
      body: { title: 'bad', note: 'a\u0000', place: { owner: 5 }, more: 1 },
    });
    expect(answer.json).toMatchObject({ status: 400, code: 'validation_failed' });
    expect(new Set(answer.paths)).toEqual(
      new Set(['/path/id', '/query/limit', '/query/other', '/headers/if-match', '/title', '/note', '/place/owner', '/more', '/count']),
    );
  });

  test('known fields first, and twenty in all', async () => {
    const body = { title: 5, count: 0, friends: Array.from({ length: 40 }, () => 'x'), more: 1 };
    const many = await put({ body });
    expect(many.errors).toHaveLength(20);
    expect(many.paths.slice(0, 2)).not.toContain('/more');
    const unknown = Object.fromEntries(Array.from({ length: 19 }, (_, index) => [`k${index}`, 1]));
    expect((await put({ body: { ...unknown, count: 0 } })).paths.slice(0, 2).sort()).toEqual(['/count', '/title']);
  });

  test('nothing twice that the schema refuses already; the rules see what is left', async () => {
    const answer = await put({ body: { title: 'bad', count: 'x', note: 'ok' } });
    expect(answer.paths.sort()).toEqual(['/count', '/title']);
    expect(drafts).toEqual([{ title: 'bad', note: 'ok' }]);
  });
});

test('the rules are not checked where the schemas find no fault: the use case checks them', async () => {
  expect((await put({ body: { title: 'bad' } })).status).toBe(200);
  expect(drafts).toEqual([]);
});

test('an id in any letter case is the id in lower case, wherever it stands', async () => {
  const [id, friend, owner, by] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const { json } = await put({
    id: id.toUpperCase(),
    query: `?by=${by.toUpperCase()}`,
    body: { title: id.toUpperCase(), friends: [friend.toUpperCase()], place: { owner: owner.toUpperCase() } },
  });
  expect(json).toEqual({
    params: { id },
    query: { limit: 20, by: [by] },
    body: { title: id.toUpperCase(), friends: [friend], place: { owner } },
  });
});

test('two ids that differ by letter case are one', async () => {
  const friend = randomUUID();
  expect((await put({ body: { title: 'a', friends: [friend, friend.toUpperCase()] } })).paths).toEqual(['/friends']);
});

describe('a text', () => {
  test.for(['   ', '\u200b', '\u3164', '\u00a0\u2800'])('of nothing that shows is refused: %j', async (title) => {
    expect((await put({ body: { title } })).errors[0]).toEqual({ path: '/title', message: 'must have a visible character' });
  });

  test('that need not be there may be blank', async () => {
    expect((await put({ body: { title: 'a', note: '' } })).status).toBe(200);
  });

  test('is as long as it is sent and as it is kept, at most', async () => {
    expect((await put({ body: { title: 'e\u0301'.repeat(10) } })).json.body.title).toBe('\u00e9'.repeat(10));
    // U+0958 becomes two.
    expect((await put({ body: { title: '\u0958'.repeat(21) } })).paths).toEqual(['/title']);
    expect((await put({ body: { title: `a${'\u0301'.repeat(31)}` } })).paths).toEqual(['/title']);
  });
});

test.for(['2030-12-31T23:59:60Z', '9999-12-31T23:59:59-23:00', '2030-02-30T00:00:00Z'])('%s is no time that exists', async (at) => {
  expect((await put({ body: { title: 'a', at } })).paths).toEqual(['/at']);
});

test('hundreds of parameters are refused unread', async () => {
  const query = `?${Array.from({ length: 251 }, (_, index) => `k${index}=1`).join('&')}`;
  const { errors } = await put({ query, body: { title: 'a' } });
  expect(errors).toEqual([{ path: '/query', message: 'must not have more than 250 parameters' }]);
});

describe('an unknown parameter of a query', () => {
  const asked = async (url: string, schema?: object) => {
    const other = await thingsHttp();
    other.get(url, { ...(schema && { schema }) }, async () => ({}));
    await other.ready();
    const answer = await other.inject(`${url}?other=1`);
    await other.close();
    return { status: answer.statusCode, errors: answer.json().errors };
  };

  test.for([
    ['/v1/plain', undefined],
    ['/v1/described', { summary: 'Nothing more' }],
    ['/internal/plain', undefined],
    ['/v1/with-others', { querystring: Type.Object({ q: Type.Optional(Type.String()) }, closed) }],
  ] as const)('is refused at %s', async ([url, schema]) => {
    expect(await asked(url, schema)).toEqual({ status: 400, errors: [{ path: '/query/other', message: 'is not known here' }] });
  });

  test.for([
    ['/page', undefined],
    ['/health/live-too', { summary: 'For probes' }],
    ['/v1/handed-over', { hide: true }],
  ] as const)('is taken at %s', async ([url, schema]) => {
    expect((await asked(url, schema)).status).toBe(200);
  });
});

test('a schema that cannot be compiled keeps the service from starting', async () => {
  const wrong = await thingsHttp();
  const querystring = Type.Object({ q: Type.String({ pattern: '(' }) }, closed);
  wrong.get('/v1/wrong', { schema: { querystring } }, async () => ({}));
  await expect(wrong.ready()).rejects.toThrow();
  await wrong.close();
});
