import { CURSOR_MAX_LENGTH } from '@stoa/auth';
import { expect, test } from 'vitest';
import { cursorFor, isBefore, readCursor } from './identity-cursor.ts';

test('a number is a snapshot that sees all before it', () => {
  expect(readCursor('812')).toEqual({ xmin: '812', xmax: '812', running: [] });
  expect(readCursor('812:830:812,829')).toEqual({ xmin: '812', xmax: '830', running: ['812', '829'] });
  expect(readCursor('18446744073709551615:18446744073709551615:')).toBeDefined();
});

test.for(['18446744073709551616', '99999999999999999999', '1:99999999999999999999:', '1:2:99999999999999999999', '5:3:'])(
  'what PostgreSQL would not read is not put to it: %s',
  (text) => {
    expect(readCursor(text)).toBeUndefined();
  },
);

test('a request by number is answered by number, as is a first one; a snapshot that is too long is not given', () => {
  const long = `1:9999:${Array.from({ length: CURSOR_MAX_LENGTH }, () => '1').join(',')}`;
  expect([undefined, '812', '812:812:'].map((asked) => cursorFor(asked, '820:830:820,829'))).toEqual(['820', '820', '820:830:820,829']);
  expect(cursorFor('812:812:', long)).toBe('1');
});

test('a database that has counted less far was restored elsewhere', () => {
  const then = { xmin: '100', xmax: '120', running: [] };
  expect(isBefore({ ...then, xmax: '119' }, then)).toBe(true);
  expect(isBefore({ ...then, xmin: '99' }, then)).toBe(true);
  expect(isBefore(then, then)).toBe(false);
  expect(isBefore({ xmin: '1000', xmax: '1000', running: [] }, then)).toBe(false);
});
