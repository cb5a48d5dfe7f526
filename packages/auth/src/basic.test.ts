import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBasic } from './basic.ts';

const encode = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('Basic credentials by RFC 7617', () => {
  test('the examples of the standard', () => {
    expect(parseBasic('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==')).toEqual({ userId: 'Aladdin', password: 'open sesame' });
    expect(parseBasic('Basic dGVzdDoxMjPCow==')).toEqual({ userId: 'test', password: '123£' });
  });

  test('the scheme in any case, with more than one space', () => {
    expect(parseBasic('bAsIC   YTpi')).toEqual({ userId: 'a', password: 'b' });
  });

  test('splits at the first colon; either part may be empty', () => {
    expect(parseBasic(encode('a:b:c:'))).toEqual({ userId: 'a', password: 'b:c:' });
    expect(parseBasic(encode(':'))).toEqual({ userId: '', password: '' });
  });

  test('keeps spaces and a byte order mark, as they may belong to a password', () => {
    expect(parseBasic(encode('a: b '))).toEqual({ userId: 'a', password: ' b ' });
    expect(parseBasic(encode('\ufeffa:b'))).toEqual({ userId: '\ufeffa', password: 'b' });
  });

  test('whatever was encoded is read back', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => value.isWellFormed() && !/\p{Cc}/u.test(value));
    fc.assert(
      fc.property(
        text.filter((value) => !value.includes(':')),
        text,
        (userId, password) => {
          expect(parseBasic(encode(`${userId}:${password}`))).toEqual({ userId, password });
        },
      ),
    );
  });

  test.each([
    ['nothing', undefined],
    ['an empty header', ''],
    ['another scheme', 'Bearer YTpi'],
    ['no credentials', 'Basic '],
    ['no colon', encode('ab')],
    ['two tokens', 'Basic YTpi YTpi'],
    ['not base64', 'Basic a:b'],
    ['not UTF-8', `Basic ${Buffer.from([0x61, 0x3a, 0xff]).toString('base64')}`],
    ['a NUL', encode('a:b\0c')],
    ['a line break', encode('a:b\r\nc')],
  ])('refuses %s', (_, header) => {
    expect(parseBasic(header)).toBeUndefined();
  });
});
