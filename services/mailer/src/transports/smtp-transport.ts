import type { Readable } from 'node:stream';
import { createTransport } from 'nodemailer';
import { classifySmtpError } from './classify-smtp-error.ts';
import type { Transport } from './transport.ts';

export interface SmtpTransportOptions {
  /** `smtp://user:password@host:587` (STARTTLS) or `smtps://user:password@host:465`. `?ignoreTLS=true` sends in the clear. */
  readonly url: string;
  /** `Name <address>` or a bare address. */
  readonly from: string;
  readonly connections: number;
  readonly timeouts?: SmtpTimeouts;
}

interface SmtpTimeouts {
  /** For the connection, and again for the greeting. */
  readonly connectMs: number;
  /** Of silence within a session. */
  readonly silenceMs: number;
}

const TIMEOUTS: SmtpTimeouts = { connectMs: 10_000, silenceMs: 30_000 };
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Sends over a pool of SMTP connections. Certificates are verified, and a password never travels in the clear unasked. */
export function createSmtpTransport({ url, from, connections, timeouts = TIMEOUTS }: SmtpTransportOptions): Transport {
  const { protocol, hostname, port, username, password, searchParams } = new URL(url);
  const secure = protocol === 'smtps:';
  const ignoreTLS = searchParams.get('ignoreTLS') === 'true';
  const pool = createTransport({
    pool: true,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (secure ? 465 : 587),
    secure,
    ignoreTLS,
    requireTLS: !secure && !ignoreTLS && !LOOPBACK.has(hostname),
    ...(username && { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    maxConnections: connections,
    // By default the pool tries again by itself: an attempt that the audit would not know of.
    maxRequeues: 0,
    connectionTimeout: timeouts.connectMs,
    greetingTimeout: timeouts.connectMs,
    dnsTimeout: timeouts.connectMs,
    socketTimeout: timeouts.silenceMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });

  // Whether a mail was handed over is whether its stream was read: Nodemailer opens it first and reads it after DATA was accepted.
  const streams = new Map<string, Readable>();
  pool.use('stream', ({ message, data }, done) => {
    const open = message.createReadStream.bind(message);
    message.createReadStream = (options) => {
      const stream = open(options);
      streams.set(data.messageId as string, stream);
      return stream;
    };
    done();
  });

  let trouble: string | undefined;
  return {
    name: 'smtp',
    async send({ messageId, to, subject, text, html }, signal) {
      try {
        const { response } = await pool.sendMail({
          from,
          // As an object, so that no address is ever parsed as a list of addresses.
          to: { name: '', address: to },
          messageId,
          subject,
          text,
          html,
          headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
          signal,
        });
        trouble = undefined;
        return response;
      } catch (error) {
        const failed = classifySmtpError(error, streams.get(messageId)?.readableDidRead === true);
        trouble = failed.failure === 'unavailable' ? failed.message : undefined;
        throw failed;
      } finally {
        streams.delete(messageId);
      }
    },
    // A mail server that is away makes mails late, not the service unready: mails are queued all the same.
    health: () => ({ name: 'smtp', ok: true, ...(trouble !== undefined && { detail: `mails wait: ${trouble}` }) }),
    async close() {
      pool.close({ force: true });
    },
  };
}
