import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkArchitecture } from '../../scripts/architecture/check-architecture.ts';
import { rules } from '../../scripts/architecture/rules.ts';

/**
 * Each folder in `fixtures` is a small system that breaks the rule it is named after, and no other: in the files whose names
 * begin with `breaks-`, each in its own way. The other files show what is still allowed.
 */
const fixtures = join(import.meta.dirname, 'fixtures');

describe('each rule', () => {
  test('has a fixture', () => {
    expect(readdirSync(fixtures).sort()).toEqual([...rules.map(({ name }) => name), 'no-cycles'].sort());
  });

  test.for(readdirSync(fixtures))('%s: finds what breaks it, and nothing else', (rule) => {
    const root = join(fixtures, rule);
    const broken = checkArchitecture(root).map((violation) => `${violation.rule}: ${basename(violation.path)}`);
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).map((path) => basename(path));
    const expected = files.filter((file) => file.startsWith('breaks-')).map((file) => `${rule}: ${file}`);
    expect(expected.length).toBeGreaterThan(0);
    expect([...new Set(broken)].sort()).toEqual(expected.sort());
  });
});

test('a violation names the file, the line and what is imported', () => {
  expect(checkArchitecture(join(fixtures, 'domain-is-pure'))).toContainEqual({
    rule: 'domain-is-pure',
    says: 'a domain imports nothing outside itself but what only computes',
    path: 'services/orders/src/domain/breaks-by-schema.ts',
    line: 1,
    what: 'typebox',
  });
});
