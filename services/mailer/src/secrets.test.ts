import { describe, expect, test } from 'vitest';
import { createUsersSecrets, MASK, withoutSecret } from './secrets.ts';

const value = 'Zk3_qv-8sT1LxWc0YbQ7uEoRn5HdJm2aPfGi9KzVtXw';
const token = { value, expiresInSeconds: 1_800 };

describe('an answer of a mail server', () => {
  test.each([
    ['the token', `550 see ${value} there`, `550 see ${MASK} there`],
    [
      'the link',
      `550 https://stoa.test/account/reset-password#token=${value}`,
      `550 https://stoa.test/account/reset-password#token=${MASK}`,
    ],
    ['the token as a mail body writes it', `550 #token=3D${value.slice(0, 20)}=\r\n${value.slice(20)}`, `550 #token=${MASK}=\r\n${MASK}`],
    ['nothing of it', '550 no such user (id 0199d3a0-0000-7000)', '550 no such user (id 0199d3a0-0000-7000)'],
  ])('that quotes %s loses it', (_what, answer, stored) => {
    expect(withoutSecret(answer, token)).toBe(stored);
  });

  test('that quotes a code loses it', () => {
    expect(withoutSecret('550 the text 0417 is spam', { value: '0417', expiresInSeconds: 60 })).toBe(`550 the text ${MASK} is spam`);
    expect(withoutSecret('250 OK', undefined)).toBe('250 OK');
  });
});

describe('users, asked for a secret', () => {
  const asked: unknown[] = [];
  const secrets = (status: number, body: unknown) =>
    createUsersSecrets(async (service, call) => {
      asked.push([service, call]);
      return { status, body };
    });
  const link = { kind: 'link', requestId: 'r-1' } as const;

  test('answers with a code or a token, each at its own place', async () => {
    expect(await secrets(200, { token: value, expiresInSeconds: 1_800 }).mint(link)).toEqual(token);
    expect(await secrets(200, { code: '0417', expiresInSeconds: 60 }).mint({ kind: 'code', requestId: 'r-2' })).toEqual({
      value: '0417',
      expiresInSeconds: 60,
    });
    expect(asked).toEqual([
      ['users', { method: 'POST', path: '/internal/account-links', body: { requestId: 'r-1' } }],
      ['users', { method: 'POST', path: '/internal/activation-codes', body: { requestId: 'r-2' } }],
    ]);
  });

  test('says that it is gone', async () => {
    expect(await secrets(410, undefined).mint(link)).toBe('gone');
  });

  test.each([
    [200, { code: '0417', expiresInSeconds: 60 }],
    [200, { token: `${value}!`, expiresInSeconds: 60 }],
    [200, { token: value, expiresInSeconds: 0 }],
    [200, undefined],
    [404, { code: 'not_found' }],
    [503, { code: 'codes_unavailable' }],
  ])('is not believed when it answers %i %j', async (status, body) => {
    await expect(secrets(status, body).mint(link)).rejects.toThrow(/where a link was expected/);
  });
});
