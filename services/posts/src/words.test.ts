import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alike, exactly, termsOf, wordsOf } from './words.ts';

describe('the words of a text', () => {
  test.for([
    ['Café CAFÉ cafe Cafe\u0301', ['cafe']],
    ['Straße STRASSE strasse', ['strasse']],
    ['ΟΔΟΣ οδος Οδός', ['οδοσ']],
    ['İstanbul ISTANBUL ıstanbul', ['istanbul']],
    ['ﬁne FINE', ['fine']],
    ['Ⅷ ４２ ²', ['viii', '42', '2']],
    ["don't re-do e.g. 3.14", ['don', 't', 're', 'do', 'e', 'g', '3', '14']],
    ['東京に行く', ['東京', 'に', '行く']],
    ['ｶﾞﾗｽ ガラス', ['ガラス']],
    ['\u845b\u{e0100}\u57ce \u845b\u57ce', ['\u845b\u57ce']],
    ['❤️love 🏛️ 1️⃣', ['love', '1\u20e3']],
    ['हिन्दी', ['हिन्दी']],
    ['一 two三', ['一', 'two', '三']],
    ['👩🏽‍🚀 — …', []],
    ['', []],
  ] as const)('%j are %j', ([text, words]) => {
    expect(wordsOf(text)).toEqual(words);
  });

  test('are of 64 code points at most, whole ones', () => {
    expect(wordsOf('x'.repeat(100))).toEqual(['x'.repeat(64)]);
    expect(wordsOf('\u{10400}'.repeat(100))).toEqual(['\u{10428}'.repeat(64)]);
    expect(wordsOf(`${'x'.repeat(64)}a ${'x'.repeat(64)}b`)).toEqual(['x'.repeat(64)]);
  });

  test('are letters, digits and their marks alone, each once, and none is empty', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.nat(0x10ffff).map((point) => String.fromCodePoint(point)), maxLength: 60 }), (text) => {
        const words = wordsOf(text);
        expect(words.filter((word) => !/^[\p{L}\p{N}\p{M}]+$/u.test(word))).toEqual([]);
        expect(new Set(words).size).toBe(words.length);
      }),
    );
  });

  test('are the same in any case of a text in Latin, Greek or Cyrillic', () => {
    const letters = [...'abcdefghijklmnopqrstuvwxyzßäéñøłđþœæαβγδεζηθικλμνξοπρσςτυφχψωάέίόύώабвгдежзийклмнопрстуфхцчшщъыьэюяёії '];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...letters), { maxLength: 40 }), (chosen) => {
        const text = chosen.join('');
        expect(wordsOf(text.toUpperCase())).toEqual(wordsOf(text));
        expect(wordsOf(text.normalize('NFD'))).toEqual(wordsOf(text));
      }),
    );
  });

  test('begin as the beginning of a text does, so that what is typed finds what it will be', () => {
    for (const text of ['Προσωπικός', 'Straßenbahn', 'Éclair', 'Ελληνισμός']) {
      for (let length = 1; length < text.length; length += 1) {
        expect(wordsOf(text)[0]?.startsWith(wordsOf(text.slice(0, length))[0] as string), text.slice(0, length)).toBe(true);
      }
    }
  });
});

describe('a search', () => {
  test('has 16 terms at most', () => {
    expect(termsOf(Array.from({ length: 50 }, (_, n) => `w${n}`).join(' '))).toHaveLength(16);
  });

  test('is for all of its words, the last one also as a beginning', () => {
    expect(exactly(['one', 'two'])).toBe("'one' & 'two':*");
    expect(exactly(['one'])).toBe("'one':*");
  });

  test('for what is alike is for each word or one that is spelt like it', () => {
    expect(
      alike([
        { term: 'oen', words: ['one', 'open'] },
        { term: 'two', words: [] },
      ]),
    ).toBe("('oen':* | 'one' | 'open') & ('two':*)");
  });
});
