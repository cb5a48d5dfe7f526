import { describe, expect, test } from 'vitest';
import { type ApiDocument, breakingChanges, breakingEvents } from './breaking-changes.ts';

type Loose = Record<string, object>;

/** What can break, part by part; each call makes new ones, to be changed. */
function parts() {
  const json = (name: string) => ({ 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } });
  const codes = { code: { enum: ['none', 'gone'] } };
  const none = { content: { 'application/problem+json': { schema: { allOf: [{ type: 'object' }, { properties: codes }] } } } };
  const note = {
    type: 'object',
    required: ['id', 'status'],
    properties: {
      id: { type: 'string', format: 'uuid' },
      status: { enum: ['draft', 'sent'] },
      author: { anyOf: [{ type: 'string' }, { type: 'null' }] },
      parent: { anyOf: [{ $ref: '#/components/schemas/Note' }, { type: 'null' }] },
      tags: { type: 'array', items: { type: 'string' } },
    } as Loose,
  };
  const newNote = {
    type: 'object',
    additionalProperties: false,
    required: ['title'],
    properties: {
      title: { type: 'string', maxLength: 200 },
      kind: { enum: ['short', 'long'] },
      count: { type: 'number' },
      text: { type: ['string', 'null'] },
    } as Loose,
  };
  const q = { name: 'q', in: 'query', required: false, schema: { type: 'string', maxLength: 200 } };
  const tag = { name: 'If-None-Match', in: 'header', required: false, schema: { type: 'string' } };
  const found = { headers: { ETag: {} } as Loose, content: json('Note') as Loose };
  const list = {
    operationId: 'listNotes',
    security: [{}, { bearer: [] }] as object[],
    parameters: [q, tag] as object[],
    responses: { 200: found, 404: { $ref: '#/components/responses/None' } } as Loose,
  };
  const write = {
    operationId: 'writeNote',
    requestBody: { required: true, content: json('NewNote') },
    responses: { 201: { content: {} } },
  };
  const notes: Loose = { get: list, post: write };
  return { paths: { '/notes': notes } as Record<string, Loose>, notes, list, q, found, none, codes, note, newNote };
}

const documentOf = ({ paths, none, note, newNote }: ReturnType<typeof parts>): ApiDocument => ({
  paths,
  components: { responses: { None: none }, schemas: { Note: note, NewNote: newNote } },
});

type Change = (changed: ReturnType<typeof parts>) => unknown;

function breaksOf(change: Change): string[] {
  const changed = parts();
  change(changed);
  return breakingChanges(documentOf(parts()), documentOf(changed));
}

test('a document that is as it was breaks nobody', () => {
  expect(breaksOf(() => {})).toEqual([]);
});

describe('a break is', () => {
  const breaks: [string, Change, string][] = [
    ['an operation that is gone', ({ notes }) => delete notes['post'], 'POST /notes: is gone'],
    ['another name of an operation', ({ list }) => Object.assign(list, { operationId: 'notes' }), 'GET /notes: is now called notes'],
    ['a status that is gone', ({ list }) => delete list.responses['404'], 'GET /notes: answers no 404 any more'],
    ['a header of an answer that is gone', ({ found }) => delete found.headers['ETag'], 'GET /notes: 200: the header ETag is gone'],
    ['a media type that is gone', ({ found }) => delete found.content['application/json'], 'GET /notes: 200: application/json is gone'],
    ['a field of an answer that is gone', ({ note }) => delete note.properties['tags'], 'GET /notes: 200: tags is gone'],
    ['a field of an answer that may be absent', ({ note }) => note.required.pop(), 'GET /notes: 200: status may now be absent'],
    [
      'a field of an answer that may be null',
      ({ note }) => Object.assign(note.properties, { id: { type: ['string', 'null'], format: 'uuid' } }),
      'GET /notes: 200: id may now be null',
    ],
    [
      'another type of the items of an answer',
      ({ note }) => Object.assign(note.properties, { tags: { type: 'array', items: { type: 'integer' } } }),
      'GET /notes: 200: tags[] may now be integer',
    ],
    [
      'another format of a field of an answer',
      ({ note }) => Object.assign(note.properties, { id: { type: 'string' } }),
      'GET /notes: 200: id has another format: undefined',
    ],
    [
      'a value of an answer that is gone',
      ({ note }) => Object.assign(note.properties, { status: { const: 'sent' } }),
      'GET /notes: 200: status is no longer "draft"',
    ],
    ['a code of a shared error that is gone', ({ codes }) => codes.code.enum.pop(), 'GET /notes: 404: code is no longer "gone"'],
    ['a parameter of the query that is gone', ({ list }) => list.parameters.shift(), 'GET /notes: query q is gone'],
    ['a parameter that is required', ({ q }) => Object.assign(q, { required: true }), 'GET /notes: query q: is now required'],
    [
      'a parameter that is new and required',
      ({ list }) => list.parameters.push({ name: 'of', in: 'query', required: true }),
      'GET /notes: query of is new and required',
    ],
    ['a lower limit', ({ q }) => Object.assign(q.schema, { maxLength: 100 }), 'GET /notes: query q: it has a narrower maxLength: 100'],
    ['a field of a request that is required', ({ newNote }) => newNote.required.push('kind'), 'POST /notes: body: kind is now required'],
    ['a field of a request that is refused', ({ newNote }) => delete newNote.properties['count'], 'POST /notes: body: count is gone'],
    [
      'a value that is not taken any more',
      ({ newNote }) => Object.assign(newNote.properties, { kind: { enum: ['short'] } }),
      'POST /notes: body: kind is no longer "long"',
    ],
    [
      'null that is not taken any more',
      ({ newNote }) => Object.assign(newNote.properties, { text: { type: 'string' } }),
      'POST /notes: body: text may no longer be null',
    ],
    [
      'a narrower type',
      ({ newNote }) => Object.assign(newNote.properties, { count: { type: 'integer' } }),
      'POST /notes: body: count may no longer be number',
    ],
    [
      'a pattern',
      ({ newNote }) => Object.assign(newNote.properties, { title: { type: 'string', maxLength: 200, pattern: '^a' } }),
      'POST /notes: body: title has a narrower pattern: ^a',
    ],
    [
      'a body that is needed',
      ({ list }) => Object.assign(list, { requestBody: { required: true, content: {} } }),
      'GET /notes: needs a body now',
    ],
    ['credentials that are needed', ({ list }) => list.security.shift(), 'GET /notes: no longer accepts requests without credentials'],
  ];

  test('a path that is gone, with each of its operations', () => {
    expect(breaksOf(({ paths }) => delete paths['/notes'])).toEqual(['GET /notes: is gone', 'POST /notes: is gone']);
  });

  test.for(breaks)('%s', ([, change, line]) => {
    expect(breaksOf(change)).toEqual([line]);
  });
});

describe('nobody is broken by', () => {
  const additions: [string, Change][] = [
    ['a new path', ({ paths }) => Object.assign(paths, { '/more': { get: {} } })],
    ['a new status', ({ list }) => Object.assign(list.responses, { 409: {} })],
    ['a new field of an answer', ({ note }) => Object.assign(note.properties, { more: { type: 'string' } })],
    ['a new value of an answer', ({ note }) => Object.assign(note.properties, { status: { enum: ['draft', 'sent', 'read'] } })],
    ['a field of an answer that is always there now', ({ note }) => note.required.push('tags')],
    ['a field of an answer that is never null any more', ({ note }) => Object.assign(note.properties, { author: { type: 'string' } })],
    ['a new field of a request that may be left out', ({ newNote }) => Object.assign(newNote.properties, { more: { type: 'string' } })],
    ['a field of a request that may be left out now', ({ newNote }) => newNote.required.pop()],
    ['a higher limit', ({ q }) => Object.assign(q.schema, { maxLength: 300 })],
    ['a wider type', ({ newNote }) => Object.assign(newNote.properties, { title: { type: ['string', 'null'], maxLength: 200 } })],
    ['a new value that is taken', ({ newNote }) => Object.assign(newNote.properties, { kind: { enum: ['short', 'long', 'other'] } })],
    ['a new parameter that may be left out', ({ list }) => list.parameters.push({ name: 'of', in: 'query', required: false })],
    ['a header of a request that is not read any more', ({ list }) => list.parameters.pop()],
    ['another description', ({ note }) => Object.assign(note, { description: 'A note.' })],
    ['another way in', ({ list }) => list.security.push({ basic: [] })],
    ['an answer that is written out instead of referred to', ({ list, none }) => Object.assign(list.responses, { 404: none })],
  ];
  test.for(additions)('%s', ([, change]) => {
    expect(breaksOf(change)).toEqual([]);
  });
});

describe('of events', () => {
  const events = (properties: object, required: string[] = ['id']) => ({
    components: { messages: { 'note-sent': { payload: { type: 'object', properties, required } } } },
  });
  const before = events({ id: { type: 'string' }, to: { type: 'string' } });

  test('are checked for readers and for writers', () => {
    const breaks = (after: object) => breakingEvents(before, after);
    expect(breaks(before)).toEqual([]);
    expect(breaks(events({ id: { type: 'string' }, to: { type: 'string' }, more: { type: 'string' } }))).toEqual([]);
    expect(breaks(events({ id: { type: 'string' } }))).toEqual(['event note-sent: to is gone']);
    expect(breaks(events({ id: { type: 'string' }, to: { type: 'string' } }, ['id', 'to']))).toEqual([
      'event note-sent: to is now required',
    ]);
    expect(breaks({})).toEqual(['event note-sent: is gone']);
  });

  const changes: [string, object, object, string[]][] = [
    ['one more value', { enum: ['a', 'b'] }, { enum: ['a', 'b', 'c'] }, ['to may now be "c"']],
    ['one more fixed value', { const: 'a' }, { anyOf: [{ const: 'a' }, { const: 'b' }] }, ['to may now be "b"']],
    ['any value', { type: 'string', enum: ['a'] }, { type: 'string' }, ['to may now have any value']],
    ['a higher limit', { type: 'string', maxLength: 200 }, { type: 'string', maxLength: 300 }, ['to has a looser maxLength: 300']],
    ['a lower limit of a number', { type: 'integer', minimum: 1 }, { type: 'integer', minimum: 0 }, ['to has a looser minimum: 0']],
    ['no limit', { type: 'array', maxItems: 5 }, { type: 'array' }, ['to has a looser maxItems: none']],
    ['another pattern', { pattern: '^a' }, { pattern: '^b' }, ['to has a looser pattern: ^b', 'to has a narrower pattern: ^b']],
    ['no pattern', { pattern: '^a' }, {}, ['to has a looser pattern: none']],
    ['items that may be repeated', { uniqueItems: true }, { uniqueItems: false }, ['to has a looser uniqueItems: false']],
    [
      'a field within with one more value',
      { type: 'object', properties: { kind: { enum: ['a'] } } },
      { type: 'object', properties: { kind: { enum: ['a', 'b'] } } },
      ['to.kind may now be "b"'],
    ],
    ['a narrower limit', { type: 'string', maxLength: 200 }, { type: 'string', maxLength: 100 }, ['to has a narrower maxLength: 100']],
    [
      'what is as it was',
      { enum: ['a'], maxLength: 2, pattern: '^a', uniqueItems: true },
      { enum: ['a'], maxLength: 2, pattern: '^a', uniqueItems: true },
      [],
    ],
  ];
  test.for(changes)('a reader checks them, so a break is: %s', ([, was, is, lines]) => {
    const breaks = breakingEvents(events({ to: was }), events({ to: is }));
    expect(breaks).toEqual(lines.map((line) => `event note-sent: ${line}`));
  });
});
