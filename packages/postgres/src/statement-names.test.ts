import { describe, expect, test } from 'vitest';
import { createStatementNames } from './statement-names.ts';

const use = (name: (text: string) => string | undefined, text: string, times: number) => {
  let last: string | undefined;
  for (let i = 0; i < times; i++) last = name(text);
  return last;
};

describe('statement names', () => {
  test('a text gets its name on the third use and keeps it', () => {
    const name = createStatementNames();
    expect(use(name, 'select 1', 2)).toBeUndefined();
    const given = name('select 1');
    expect(given).toMatch(/^s[\w-]{22}$/);
    expect(name('select 1')).toBe(given);
  });

  test('the name depends on the text alone, so that it is the same in every process', () => {
    expect(use(createStatementNames(), 'select 1', 3)).toBe(use(createStatementNames(), 'select 1', 3));
    expect(use(createStatementNames(), 'select 2', 3)).not.toBe(use(createStatementNames(), 'select 1', 3));
  });

  test('texts that differ in size only, as multi-row inserts do, never take more than the allowed names', () => {
    const name = createStatementNames({ most: 10 });
    const texts = Array.from({ length: 50 }, (_, rows) => `insert into t values ${'($1),'.repeat(rows)}($1)`);
    const named = texts.filter((text) => use(name, text, 3) !== undefined);
    expect(named).toHaveLength(10);
  });

  test('a very long text stays unnamed', () => {
    expect(use(createStatementNames(), `select ${'1,'.repeat(2_000)}1`, 5)).toBeUndefined();
  });

  test('transaction control and other commands stay unnamed', () => {
    const name = createStatementNames();
    for (const text of ['begin', 'commit', 'listen x', 'create table t ()']) expect(use(name, text, 5)).toBeUndefined();
  });

  test('a text that is used rarely among thousands of others is forgotten, so that counting cannot grow without bound', () => {
    const name = createStatementNames();
    use(name, 'select 0', 2);
    for (let i = 1; i <= 2_000; i++) name(`select ${i}`);
    expect(name('select 0')).toBeUndefined();
  });
});
