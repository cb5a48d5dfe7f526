import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Logger } from '@stoa/service';
import PostalMime from 'postal-mime';
import { SMTPServer, type SMTPServerAuthentication } from 'smtp-server';
import type { MailboxStore } from './mailbox-store.ts';

/** Beyond any mail we send. */
const LARGEST_BYTES = 1024 * 1024;

/** An SMTP server on this machine alone whose mails end in the mailbox. */
export interface SmtpMailbox {
  /** Where and with which credentials to send; known once it listens. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Listens on a free port of the loopback. The credentials are random and never leave this process, so no other program
 * of the machine can put mails into the mailbox.
 */
export async function startSmtpMailbox(store: Pick<MailboxStore, 'add'>, log: Logger): Promise<SmtpMailbox> {
  const password = randomBytes(24).toString('base64url');
  const server = new SMTPServer({
    banner: 'Stoa mailbox',
    // Loopback only: TLS would protect nothing.
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    authMethods: ['PLAIN'],
    disableReverseLookup: true,
    size: LARGEST_BYTES,
    logger: false,
    closeTimeout: 1_000,
    onAuth(auth, _session, done) {
      if (isOurs(auth, password)) done(null, { user: 'stoa' });
      else done(Object.assign(new Error('Only Stoa itself puts mails here'), { responseCode: 535 }));
    },
    async onData(stream, session, done) {
      try {
        const raw = await buffer(stream);
        if (stream.sizeExceeded) return done(Object.assign(new Error('Message too large'), { responseCode: 552 }));
        const { subject = '', messageId, text = '', html } = await PostalMime.parse(raw);
        const { mailFrom, rcptTo } = session.envelope;
        const recipients = rcptTo.map(({ address }) => address);
        await store.add({ sender: mailFrom ? mailFrom.address : '', recipients, subject, messageId, text, html, raw });
        done();
      } catch (error) {
        log.warn({ err: error }, 'the mailbox could not store a mail: the sender will try again');
        done(Object.assign(new Error('Cannot store the mail now'), { responseCode: 451 }));
      }
    },
  });
  // A session that breaks off is the client's trouble, and the client is our own transport, which reports it.
  server.on('error', (error) => log.debug({ err: error }, 'mailbox SMTP session'));
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://stoa:${password}@127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

function isOurs({ username, password }: SMTPServerAuthentication, expected: string): boolean {
  const given = Buffer.from(password ?? '');
  return username === 'stoa' && given.length === expected.length && timingSafeEqual(given, Buffer.from(expected));
}
