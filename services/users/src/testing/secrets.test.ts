import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { findIn } from './secrets.ts';

const secret = 'a canary of 26 characters!';
const place = (text: string | Buffer) => [{ name: 'here', bytes: Buffer.from(text) }];

test.each(['', 'x', 'xy', 'xyz'])('a secret is found behind %j, in each spelling', (before) => {
  const bytes = Buffer.from(`${before}${secret} and more`);
  for (const text of [
    bytes,
    bytes.toString('base64'),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
  ]) {
    expect(findIn(place(text), secret)).toEqual(['here']);
  }
  expect(findIn(place(Buffer.from(`${before}another canary of 26 characters`).toString('base64')), secret)).toEqual([]);
});

test.each([
  ['any', randomBytes(32)],
  ['with underscores', Buffer.alloc(32, 0xff)],
  ['with hyphens', Buffer.alloc(32, 0xfb)],
])('a token is found by the bytes that it stands for, behind its prefix: %s', (_, bytes) => {
  const token = `stoa_sk_${bytes.toString('base64url')}`;
  for (const text of [token, bytes, bytes.toString('hex'), bytes.toString('base64'), Buffer.from(token).toString('hex')]) {
    expect(findIn(place(text), token)).toEqual(['here']);
  }
  expect(findIn(place(randomBytes(64)), token)).toEqual([]);
});

test('what is found by chance is not looked for', () => {
  expect(() => findIn(place('1234'), '1234')).toThrow('too short');
});
