import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasVisibleCharacter } from './text.ts';

const invisible = fc.constantFrom(
  ...[' ', '\t', '\n', '\u00a0', '\u2003', '\u3000', '\u2028'],
  ...['\u00ad', '\u034f', '\u061c', '\u200b', '\u200d', '\u2060', '\ufeff', '\ufe0f', '\u{e0020}'],
  ...['\u115f', '\u1160', '\u3164', '\uffa0', '\u17b4', '\u180e', '\u2800', '\u{1d159}', '\u{1d173}'],
  ...['\u0000', '\u0007', '\u202e', '\u0301', '\ue000', '\uffff', '\u{10ffff}', '\ud800', '\ufffc'],
);
const visible = fc.constantFrom('a', 'ж', '漢', 'ا', '1', '.', '😀', '€', '\u0e01', '\ufffd');

describe('a text', () => {
  test('of characters that show nothing has no visible one, however many there are', () => {
    fc.assert(
      fc.property(fc.string({ unit: invisible, maxLength: 200 }), (text) => {
        expect(hasVisibleCharacter(text)).toBe(false);
      }),
    );
  });

  test('with one that shows has a visible one, wherever it stands', () => {
    const blank = fc.string({ unit: invisible.filter((each) => each !== '\ud800'), maxLength: 50 });
    fc.assert(
      fc.property(blank, visible, blank, (before, each, after) => {
        expect(hasVisibleCharacter(before + each + after)).toBe(true);
      }),
    );
  });

  test('shows nothing of any blank of Unicode, nor of what is to be ignored or to control', () => {
    const characters = Array.from({ length: 0x10000 }, (_, code) => String.fromCodePoint(code));
    const blank = characters.filter((each) => /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}]$/u.test(each));
    expect(blank.length).toBeGreaterThan(100);
    expect(blank.filter(hasVisibleCharacter)).toEqual([]);
  });
});
