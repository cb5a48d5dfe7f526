import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normaliseTexts } from './text.ts';

const CONTROL = /[\p{Cc}]/u;
const isStorable = (text: string) => text.isWellFormed() && !CONTROL.test(text.replace(/[\t\n\r]/g, ''));

describe('texts of a body', () => {
  test('are taken exactly when they are well-formed and free of control characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.oneof(fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit))) }), (text) => {
        expect(normaliseTexts({ text })).toHaveLength(isStorable(text) ? 0 : 1);
      }),
    );
  });

  test('are in normal form C wherever they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const body = { list: [{ text: text.normalize('NFD') }] };
        normaliseTexts(body);
        expect(body.list[0]?.text).toBe(text.normalize('NFC'));
      }),
    );
  });

  test('a JSON value without a bad text keeps its shape', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (json) => {
        const value: unknown = JSON.parse(json);
        const copy: unknown = JSON.parse(json);
        if (normaliseTexts(value).length === 0) expect(JSON.stringify(value).normalize('NFC')).toBe(JSON.stringify(copy).normalize('NFC'));
      }),
    );
  });

  test('are named by JSON pointers, names of properties too', () => {
    expect(normaliseTexts({ 'a/b~': ['ok', '\u0000'], 'x\u0007': 1 })).toEqual([
      { path: '/a~1b~0/1', message: 'must not contain control characters' },
      { path: '/x\u0007', message: 'must not contain control characters' },
    ]);
    expect(normaliseTexts('\ud800')).toEqual([{ path: '/', message: 'is not well-formed Unicode text' }]);
    expect(normaliseTexts({ q: '\u0000' }, '/query')).toEqual([{ path: '/query/q', message: 'must not contain control characters' }]);
  });

  test('have 30 marks on a letter at most, whatever marks: to order more of them takes long', () => {
    const fault = [{ path: '/', message: 'must not have more than 30 marks on a letter' }];
    for (const pair of ['\u0301\u0316', '\u0301\uff9e', '\u064b\u0650']) {
      expect(normaliseTexts(`a${pair.repeat(15)}`.repeat(1_000))).toEqual([]);
      for (const text of [`a${pair.repeat(16)}`, `b${pair.repeat(10)}a${pair.repeat(16)} c`, pair.repeat(16)])
        expect(normaliseTexts(text)).toEqual(fault);
    }
  });

  test('are brought into normal form within a budget, and refused beyond it', () => {
    const body = { plain: 'a'.repeat(100), first: 'e\u0301', second: 'e\u0301', third: 'e\u0301' };
    expect(normaliseTexts(body, '', 5)).toEqual([{ path: '/third', message: 'must be shorter' }]);
    expect([body.first, body.second]).toEqual(['\u00e9', '\u00e9']);
  });
});
