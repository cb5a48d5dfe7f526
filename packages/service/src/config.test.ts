import { Type } from 'typebox';
import { describe, expect, test } from 'vitest';
import { ConfigError, describeConfig, loadConfig, Secret } from './config.ts';

const schema = Type.Object({
  LIMIT: Type.Integer({ default: 5, minimum: 1, maximum: 10, description: 'How many.' }),
  RATE: Type.Optional(Type.Number({ exclusiveMinimum: 0, expected: 'a number above 0', description: 'How fast.' })),
  OPEN: Type.Boolean({ default: false, description: 'Whether open.' }),
  MODE: Type.Enum(['on', 'off'], { default: 'on', description: 'Which mode.' }),
  KEY: Secret({ description: 'A key.', pattern: '^.{4,}$' }),
});

describe('loadConfig', () => {
  test('converts what is set and takes defaults for what is not; empty counts as unset', () => {
    expect(loadConfig(schema, { KEY: 'abcd', LIMIT: ' 7 ', OPEN: 'true', MODE: '' })).toEqual({
      LIMIT: 7,
      OPEN: true,
      MODE: 'on',
      KEY: 'abcd',
    });
    expect(loadConfig(schema, { KEY: 'abcd', RATE: '0.5' })).toMatchObject({ RATE: 0.5, LIMIT: 5 });
  });

  test.for([
    ['LIMIT', '7.5', 'a whole number from 1 to 10'],
    ['LIMIT', '11', 'a whole number from 1 to 10'],
    ['LIMIT', '0x7', 'a whole number from 1 to 10'],
    ['LIMIT', 'Infinity', 'a whole number from 1 to 10'],
    ['RATE', '0', 'a number above 0'],
    ['OPEN', 'yes', 'true or false'],
    ['MODE', 'auto', 'one of on, off'],
  ])('%s=%s is refused: expected %s', ([variable, received, expected]) => {
    expect(problems({ KEY: 'abcd', [variable as string]: received })).toEqual([{ variable, received, expected }]);
  });

  test('reports every problem at once and never shows a secret', () => {
    expect(problems({ KEY: 'abc', LIMIT: 'x', OPEN: '1' })).toEqual([
      expect.objectContaining({ variable: 'LIMIT', received: 'x' }),
      expect.objectContaining({ variable: 'OPEN', received: '1' }),
      expect.objectContaining({ variable: 'KEY', received: '•••' }),
    ]);
    expect(problems({})).toEqual([{ variable: 'KEY', expected: 'A key.' }]);
  });
});

test('a URL that cannot be used is refused without its password', () => {
  const urls = Type.Object({ HOME_URL: Type.String({ description: 'where home is' }) });
  expect(loadConfig(urls, { HOME_URL: 'smtp://me:secret@mail:25' })).toEqual({ HOME_URL: 'smtp://me:secret@mail:25' });
  for (const HOME_URL of ['smtp://me:hunter2@mail:99999', 'smtp://me:hunter2%zz@mail:25', 'no url']) {
    try {
      loadConfig(urls, { HOME_URL });
      expect.unreachable();
    } catch (error) {
      expect((error as ConfigError).problems).toEqual([
        { variable: 'HOME_URL', received: HOME_URL.replace(/hunter2[^@]*/, '•••'), expected: 'where home is' },
      ]);
    }
  }
});

test('describeConfig gives a row per variable, without values of secrets', () => {
  expect(describeConfig(schema)).toContainEqual({
    variable: 'LIMIT',
    description: 'How many.',
    expected: 'a whole number from 1 to 10',
    default: '5',
    secret: false,
  });
  expect(describeConfig(schema)).toContainEqual(expect.objectContaining({ variable: 'KEY', secret: true }));
});

function problems(environment: Record<string, string | undefined>): ConfigError['problems'] {
  try {
    loadConfig(schema, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('nothing was refused');
}
