import { Parser } from '@asyncapi/parser';
import { Compile } from 'typebox/compile';
import { describe, expect, test } from 'vitest';
import { asyncApi, events } from './asyncapi.ts';
import { routes } from './routes.ts';

test('the AsyncAPI document is valid and shows every event with its sender and its receivers', async () => {
  const { document, diagnostics } = await new Parser().parse(JSON.stringify(asyncApi()));
  expect(diagnostics.filter(({ severity }) => severity === 0)).toEqual([]);
  const operations = document?.allOperations().map((operation) => operation.id()) ?? [];
  const expected = events.flatMap(({ name, source, subscribers }) => [
    `${source}-sends-${name}`,
    ...subscribers.map((to) => `${to}-receives-${name}`),
  ]);
  expect(operations.toSorted()).toEqual(expected.toSorted());
});

test('a fault in the document is noticed', async () => {
  const broken = JSON.parse(JSON.stringify(asyncApi()).replaceAll('"action":"send",', ''));
  const { diagnostics } = await new Parser().parse(broken);
  expect(diagnostics.filter(({ severity }) => severity === 0)).not.toEqual([]);
});

test('every route leads from an event, and none back to its sender', () => {
  expect(events.map(({ name }) => name).toSorted()).toEqual(Object.keys(routes).toSorted());
  for (const { subscribers, source } of events) expect(subscribers).not.toContain(source);
});

describe.for(events.map((event) => [event.name, event] as const))('%s', ([, event]) => {
  test('has an example that its schema takes, and a key', () => {
    expect([...Compile(event.schema).Errors(event.example)]).toEqual([]);
    expect(event.key(event.example)).not.toBe('');
  });

  test('takes no unknown property, so that a misspelt one is found', () => {
    expect(Compile(event.schema).Check({ ...(event.example as object), misspelt: 1 })).toBe(false);
  });
});
