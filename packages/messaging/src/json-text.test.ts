import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonText, writeDeep } from './json-text.ts';

test('what JSON held is written as the engine would', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(writeDeep(value)).toBe(JSON.stringify(value));
    }),
  );
});

test('nothing is nested too deep to be written', () => {
  const text = `${'[{},{"a":'.repeat(200_000)}1${'}]'.repeat(200_000)}`;
  for (const write of [writeDeep, jsonText]) expect(write(JSON.parse(text)) === text).toBe(true);
});
