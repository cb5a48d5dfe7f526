import { defineErrors, named } from '@stoa/service';
import { type TSchema, Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Http } from '../create-http.ts';
import { Answer, Media, NoBody, Nullable, openApiOf, Page, PageQuery, problems, Text, withPage } from '../index.ts';
import { createAnswerCheck, declaredCodes } from '../testing/index.ts';
import { thingsHttp } from '../testing/things.ts';
import { mergeComponents, usedComponents } from './components.ts';

const errors = defineErrors({
  thing_taken: { kind: 'conflict', title: 'Taken.', cause: 'c', fix: 'f' },
  thing_gone: { kind: 'conflict', title: 'Gone.', cause: 'c', fix: 'f' },
});
const { catalogue } = errors;
const Owner = named('Owner', Type.Object({ name: Type.String() }, { additionalProperties: false }));
const shape = { id: Type.String(), title: Text({ maxLength: 10 }), owner: Nullable(Owner) };
const Thing = named('Thing', Type.Object(shape, { additionalProperties: false }));
const NewThing = named(
  'NewThing',
  Type.Object({ title: Text({ maxLength: 10 }) }, { additionalProperties: false, examples: [{ title: 'a' }] }),
);
const thing = { id: '1', title: 'a', owner: null, secret: 'not declared' };

let http: Http;
beforeEach(async () => {
  http = await thingsHttp(catalogue);
});
afterEach(() => http.close());

async function declareThings() {
  const response = { 200: Answer('The things of one page.', Page('ThingPage', Thing)) };
  http.get('/v1/things', { schema: { querystring: PageQuery(), response } }, async () => ({ items: [thing], nextCursor: null }));
  http.get('/v1/things/:id', { schema: { response: { 200: Answer('The thing.', Thing, 'ETag') } } }, async (_request, reply) => {
    void reply.header('etag', '"1"');
    return thing;
  });
  const created = { 201: Answer('The thing.', Thing, 'Location'), ...problems(errors, 'thing_taken', 'thing_gone') };
  http.post('/v1/things', { schema: { body: NewThing, response: created } }, async (_request, reply) =>
    reply.header('location', '/v1/things/1').send(thing),
  );
  const removed = { 204: NoBody('Deleted. No body.'), ...problems(errors, 'thing_gone', 'thing_taken') };
  http.delete('/v1/things/:id', { schema: { response: removed } }, async () => {});
  await http.ready();
}

const declare = (url: string, schema: TSchema) => http.get(url, { schema: { response: { 200: schema } } }, async () => ({}));

describe('a schema with a name', () => {
  test('is a component, to which requests and answers refer', async () => {
    await declareThings();
    const { paths, components } = openApiOf(http);
    const json = (name: string) => ({ 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } });
    expect(paths?.['/v1/things']).toMatchObject({
      get: { responses: { 200: { description: 'The things of one page.', content: json('ThingPage') } } },
      post: { requestBody: { required: true, content: json('NewThing') }, responses: { 201: { content: json('Thing') } } },
    });
    expect(components?.['schemas']).toMatchObject({
      Thing: { properties: { owner: { anyOf: [{ $ref: '#/components/schemas/Owner' }, { type: 'null' }] } } },
      ThingPage: { properties: { items: { items: { $ref: '#/components/schemas/Thing' } } } },
    });
  });

  test('says in a request alone that there are no other properties, and shows no keyword of ours', async () => {
    await declareThings();
    const { components } = openApiOf(http);
    expect(components?.['schemas']).toMatchObject({ NewThing: { additionalProperties: false } });
    for (const name of ['Thing', 'ThingPage', 'Owner', 'Problem'])
      expect(components?.['schemas']?.[name]).not.toHaveProperty('additionalProperties');
    expect(JSON.stringify(openApiOf(http))).not.toContain('singleLine');
  });

  test('validates and serialises as without one', async () => {
    await declareThings();
    const answer = await http.inject('/v1/things/1');
    expect(answer.json()).toEqual({ id: '1', title: 'a', owner: null });
    const refused = await http.inject({ method: 'POST', url: '/v1/things', payload: { title: 'a', more: 1 } });
    expect(refused.json()).toMatchObject({ status: 400, errors: [{ path: '/more' }] });
  });

  test('may be declared twice with one shape', async () => {
    declare('/v1/a', Thing);
    declare('/v1/b', named('Thing', Type.Object(shape, { additionalProperties: false })));
    await http.ready();
    expect(Object.keys(openApiOf(http).components?.['schemas'] ?? {})).toContain('Thing');
  });

  test('may not be declared with two shapes', async () => {
    declare('/v1/a', Thing);
    declare('/v1/b', named('Owner', Type.Object({ other: Type.String() })));
    await http.ready();
    expect(() => openApiOf(http)).toThrow('two different schemas have the name Owner');
  });

  test('is not the name of a copy that was changed', async () => {
    declare('/v1/a', { ...Thing, required: [] });
    await http.ready();
    expect(() => openApiOf(http)).toThrow('a copy of the schema Thing has another "required"');
  });
});

describe('the errors of an operation', () => {
  test('are the codes that it can answer, and no others', async () => {
    await declareThings();
    const { components } = openApiOf(http);
    expect(declaredCodes(http, 'POST', '/v1/things')[409]).toEqual(['thing_gone', 'thing_taken']);
    expect(components?.['responses']?.['ThingGoneOrThingTaken']).toMatchObject({
      description: '`thing_gone`: Gone.\n\n`thing_taken`: Taken.',
      content: {
        'application/problem+json': {
          schema: { allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: ['thing_gone', 'thing_taken'] } } }] },
          examples: { thing_gone: { $ref: '#/components/examples/thing_gone' } },
        },
      },
    });
    expect(components?.['examples']?.['thing_gone']).toMatchObject({ value: { status: 409, code: 'thing_gone' } });
  });

  test('are declared once, whatever their order', async () => {
    await declareThings();
    const { paths } = openApiOf(http);
    const shared = { $ref: '#/components/responses/ThingGoneOrThingTaken' };
    expect(paths?.['/v1/things']?.['post']?.responses?.[409]).toEqual(shared);
    expect(paths?.['/v1/things/{id}']?.['delete']?.responses?.[409]).toEqual(shared);
  });

  test('stand beside another answer of the same status', async () => {
    await http.ready();
    expect(declaredCodes(http, 'GET', '/health/ready')[503]).toEqual(['service_unavailable']);
    expect(openApiOf(http).paths?.['/health/ready']?.['get']?.responses?.[503]).toMatchObject({
      content: { 'application/json': {}, 'text/html': {}, 'application/problem+json': {} },
    });
  });
});

describe('an answer', () => {
  test('with a tag can be 304, and its request names what it has', async () => {
    await declareThings();
    const { get } = openApiOf(http).paths?.['/v1/things/{id}'] ?? {};
    expect(get).toMatchObject({
      parameters: expect.arrayContaining([expect.objectContaining({ in: 'header', name: 'If-None-Match', required: false })]),
      responses: { 200: { headers: { ETag: {} } }, 304: { headers: { ETag: {} } } },
    });
    expect(openApiOf(http).paths?.['/v1/things']?.['get']?.responses).not.toHaveProperty('304');
  });

  test('shows limits where requests are counted, and its id everywhere', async () => {
    await declareThings();
    const { paths } = openApiOf(http);
    const answer = (path: string) => paths?.[path]?.['get']?.responses?.[200] as { headers: object };
    const headers = (path: string) => Object.keys(answer(path).headers);
    expect(headers('/v1/things')).toEqual(['X-Correlation-Id', 'RateLimit', 'RateLimit-Policy']);
    expect(headers('/health/live')).toEqual(['X-Correlation-Id']);
  });

  test('may be no JSON, or a page besides', async () => {
    http.get('/file', { schema: { response: { 200: Media('A file.', 'text/plain') } } }, async () => '');
    http.get('/page', { schema: { response: { 200: withPage('A page.', Owner) } } }, async () => ({ name: 'a' }));
    await http.ready();
    const { paths } = openApiOf(http);
    expect(paths?.['/file']?.['get']?.responses?.[200]).toMatchObject({ description: 'A file.', content: { 'text/plain': {} } });
    expect(paths?.['/page']?.['get']?.responses?.[200]).toMatchObject({
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Owner' } }, 'text/html': {} },
    });
  });
});

test('an operation says that it takes no credentials', async () => {
  await declareThings();
  const operations = Object.values(openApiOf(http).paths ?? {}).flatMap(Object.values);
  expect(operations.filter(({ security }) => security === undefined)).toEqual([]);
});

describe('the check of answers', () => {
  const seen = {
    method: 'GET',
    url: '/v1/things/:id',
    status: 200,
    headers: { etag: '"1"', 'content-type': 'application/json; charset=utf-8' },
  };

  test('finds a status, a code, a header, a media type and a body that are not declared', async () => {
    await declareThings();
    const check = createAnswerCheck(http);
    const body = JSON.stringify({ id: '1', title: 'a', owner: null });
    expect(check({ ...seen, body })).toEqual([]);
    expect(check({ ...seen, status: 202, body })).toEqual(['GET /v1/things/:id: 202  is not declared']);
    expect(check({ ...seen, body: JSON.stringify({ id: 1, title: 'a', owner: null }) })).toEqual([
      expect.stringContaining('does not fit: data/id'),
    ]);
    expect(check({ ...seen, headers: { ...seen.headers, location: '/' }, body })).toEqual([
      expect.stringContaining('has the header location'),
    ]);
    expect(check({ ...seen, headers: { 'content-type': 'text/plain' }, body: 'a' })).toEqual([expect.stringContaining('is text/plain')]);
    const problem = { type: '/', title: 't', status: 409, code: 'thing_lost', detail: 'd', requestId: 'r' };
    const refusal = { ...seen, method: 'POST', url: '/v1/things', status: 409, headers: { 'content-type': 'application/problem+json' } };
    expect(check({ ...refusal, body: JSON.stringify(problem) })).toEqual([expect.stringContaining('409 thing_lost does not fit')]);
    expect(check({ ...refusal, body: JSON.stringify({ ...problem, code: 'thing_gone' }) })).toEqual([]);
  });

  test('leaves alone what is in no document', async () => {
    await http.ready();
    expect(createAnswerCheck(http)({ ...seen, url: '/hidden', status: 418, body: '' })).toEqual([]);
  });
});

describe('components', () => {
  const reference = (name: string) => ({ get: { responses: { 200: { $ref: `#/components/responses/${name}` } } } });
  const components = { responses: { A: { schema: { $ref: '#/components/schemas/S' } }, B: {} }, schemas: { S: {}, T: {} } };

  test('are kept where a path leads to them', () => {
    expect(usedComponents({ paths: { '/a': reference('A') }, components })).toEqual({
      responses: { A: components.responses.A },
      schemas: { S: {} },
    });
  });

  test('of several documents are joined by their names, each of which means one thing', () => {
    const other = { components: { schemas: { S: {}, U: {} } } };
    expect(Object.keys(mergeComponents([{ components }, other])['schemas'] ?? {})).toEqual(['S', 'T', 'U']);
    expect(() => mergeComponents([{ components }, { components: { schemas: { S: { type: 'string' } } } }])).toThrow(
      'two services describe different schemas by the name S',
    );
  });
});
