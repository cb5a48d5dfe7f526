import { alike, exactly, termsOf, wordsOf } from '@stoa/search';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostsDatabase, postsDatabase } from './testing/posts-database.ts';

/** That PostgreSQL reads what `@stoa/search` writes, whatever people type. */
let fixture: PostsDatabase;
beforeAll(async () => {
  fixture = await postsDatabase();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 100 }),
  fc
    .array(fc.constantFrom("'", '\\', '&', '|', '!', ':*', '<->', '(', ')', ' ', 'a', 'ŉ', 'ʼ', '＇', 'ﹶ', 'ﷺ', '\u0345', '０', '東京'), {
      maxLength: 40,
    })
    .map((parts) => parts.join('')),
);
const read = async (queries: readonly string[]) =>
  (
    await sql<{ nodes: number; matches: boolean }>`
    select numnode(query::tsquery) as nodes from unnest(${queries}::text[]) as query`.execute(fixture.database.query)
  ).rows;

describe('whatever is typed', () => {
  test('is a query of as many terms as it has', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(texts, { minLength: 20, maxLength: 20 }), async (typed) => {
        const terms = typed.map(termsOf).filter(({ length }) => length > 0);
        expect((await read(terms.map(exactly))).map(({ nodes }) => nodes)).toEqual(terms.map(({ length }) => 2 * length - 1));
        const spelt = terms.map((each) => each.map((term) => ({ term, words: each })));
        const nodes = terms.map(({ length }) => 2 * length * (length + 1) - 1);
        expect((await read(spelt.map(alike))).map((row) => row.nodes)).toEqual(nodes);
      }),
      { numRuns: 100 },
    );
  });

  test('finds the text that it was typed from', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(texts, { minLength: 20, maxLength: 20 }), async (written) => {
        const some = written.filter((text) => termsOf(text).length > 0);
        for (const text of some) {
          const { rows } = await sql<{ found: boolean }>`
            select array_to_tsvector(${wordsOf(text)}::text[]) @@ ${exactly(termsOf(text))}::tsquery as found`.execute(
            fixture.database.query,
          );
          expect(rows).toEqual([{ found: true }]);
        }
      }),
      { numRuns: 30 },
    );
  });
});

test('two words share a spelling when a letter is missing, wrong or exchanged, and not when two are', async () => {
  const letters = fc.string({ unit: fc.constantFrom(...'abcdeé東'), minLength: 4, maxLength: 12 });
  const pair = fc.tuple(letters, fc.nat(), fc.constantFrom('missing', 'wrong', 'exchanged', 'more'), fc.constantFrom(...'xyz'));
  await fc.assert(
    fc.asyncProperty(pair, async ([word, at, fault, other]) => {
      const units = [...word];
      const place = at % (units.length - 1);
      if (fault === 'missing') units.splice(place, 1);
      if (fault === 'wrong') units[place] = other;
      if (fault === 'more') units.splice(place, 0, other);
      if (fault === 'exchanged') units.splice(place, 2, units[place + 1] as string, units[place] as string);
      const { rows } = await sql<{ near: boolean; far: boolean }>`
        select spellings(${word}) && spellings(${units.join('')}) as near, spellings(${word}) && spellings(${`qq${word}`}) as far`.execute(
        fixture.database.query,
      );
      expect(rows).toEqual([{ near: true, far: false }]);
    }),
  );
});
