import { ConfigError, loadConfig } from '@stoa/service';
import { describe, expect, test } from 'vitest';
import { checkSender, mailerConfig } from './config.ts';

const load = (environment: Record<string, string>) => loadConfig(mailerConfig, { PUBLIC_URL: 'https://stoa.test', ...environment });

describe('settings', () => {
  test('one mail a second from this host, unless said otherwise', () => {
    expect(load({ MAIL_URL: 'mailbox:' })).toEqual({
      MAIL_URL: 'mailbox:',
      PUBLIC_URL: 'https://stoa.test',
      MAIL_RATE_PER_SECOND: 1,
      MAIL_RETENTION_DAYS: 90,
      MAIL_FROM: 'Stoa <no-reply@stoa.localhost>',
    });
  });

  test.each(['mailbox:', 'smtp://user:p%40ss@mail.example.com:587', 'smtps://mail.example.com', 'smtp://[::1]:25?ignoreTLS=true'])(
    'MAIL_URL may be %s',
    (MAIL_URL) => {
      expect(load({ MAIL_URL }).MAIL_URL).toBe(MAIL_URL);
    },
  );

  test.each(['sendgrid://key', 'http://mail.example.com', 'mailbox://x', 'smtp://a b', 'smtp:mail.example.com'])(
    'MAIL_URL=%s is refused; the answer says what may stand there and not what stood there',
    (MAIL_URL) => {
      const message = messageOf(() => load({ MAIL_URL }));
      expect(message).toMatch(/^MAIL_URL=••• is not valid: expected mailbox: .* smtp:\/\/.* or smtps:\/\//);
      expect(message).not.toContain(MAIL_URL);
    },
  );

  test.each(['0', '-1', '1001', 'fast'])('MAIL_RATE_PER_SECOND=%s is refused', (MAIL_RATE_PER_SECOND) => {
    expect(() => load({ MAIL_URL: 'mailbox:', MAIL_RATE_PER_SECOND })).toThrow(ConfigError);
  });

  test.each(['no-reply@example.com', 'Our Shop <no-reply@example.com>'])('MAIL_FROM may be %s', (MAIL_FROM) => {
    expect(load({ MAIL_URL: 'mailbox:', MAIL_FROM }).MAIL_FROM).toBe(MAIL_FROM);
  });

  test.each(['Stoa', 'a@b, c@d', 'Stoa <a@b', 'Stoa <a@b>\r\nBcc: c@d'])('MAIL_FROM=%j is refused', (MAIL_FROM) => {
    expect(() => load({ MAIL_URL: 'mailbox:', MAIL_FROM })).toThrow(ConfigError);
  });

  test('an SMTP server needs a sender of its own', () => {
    expect(() => checkSender(load({ MAIL_URL: 'smtp://mail.example.com' }))).toThrow(/^MAIL_FROM is not set: expected an address like/);
    expect(() => checkSender(load({ MAIL_URL: 'smtp://mail.example.com', MAIL_FROM: 'a@example.com' }))).not.toThrow();
    expect(() => checkSender(load({ MAIL_URL: 'mailbox:' }))).not.toThrow();
  });
});

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}
