import { createKeys } from '@stoa/service';
import { expect, test } from 'vitest';
import { createLinkTokens } from './account-links.ts';

const system = (byte: number) => createLinkTokens(createKeys(Buffer.alloc(32, byte).toString('base64')));

test('a token is the same for the same request, and another for another one or in another installation', () => {
  const made = system(1).make('a');
  expect(made.token).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(system(1).make('a')).toEqual(made);
  expect(system(1).make('b').token).not.toBe(made.token);
  expect(system(2).make('a').token).not.toBe(made.token);
});

test('its digest is found from its text, of which there is one spelling', () => {
  const { token, digest } = system(1).make('a');
  expect(system(2).digestOf(token)).toEqual(digest);
  for (const text of ['', token.slice(1), `${token}=`, ` ${token}`, `${token}\n`, token.replace(/^./, '+'), 'Ａ'.repeat(43)]) {
    expect(system(1).digestOf(text)).toBeUndefined();
  }
  // The last character has two bits to spare: another one that stands for the same bytes is another text.
  const last = token.at(-1) as string;
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const twin = `${token.slice(0, -1)}${alphabet[alphabet.indexOf(last) ^ 1]}`;
  expect(Buffer.from(twin, 'base64url')).toEqual(Buffer.from(token, 'base64url'));
  expect(system(1).digestOf(twin)).not.toEqual(digest);
});
