import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createScriptedSmtp, type ScriptedSmtp, type SmtpBehaviour } from '../testing/scripted-smtp.ts';
import { createSmtpTransport } from './smtp-transport.ts';
import type { Transport } from './transport.ts';
import { mailTo, transportContract } from './transport-contract.ts';

const settings = { from: 'Stoa <no-reply@stoa.test>', connections: 3, timeouts: { connectMs: 5_000, silenceMs: 2_000 } };
const never = new AbortController().signal;

transportContract('smtp', async () => {
  const server = await createScriptedSmtp();
  const transport = createSmtpTransport({ ...settings, url: server.url });
  return {
    transport,
    arrived: async (to) =>
      server.received
        .filter(({ envelopeTo }) => envelopeTo.includes(to))
        .map(({ subject = '', text = '', html = '', from, messageId = '', raw }) => ({
          subject,
          text,
          html,
          from: from?.address ?? '',
          messageId,
          raw,
        })),
    fail: () => server.down(),
    recover: () => server.up(),
    async [Symbol.asyncDispose]() {
      await transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
});

describe('what an SMTP server may do', () => {
  let server: ScriptedSmtp;
  let transport: Transport;
  beforeAll(async () => {
    server = await createScriptedSmtp();
    transport = createSmtpTransport({ ...settings, url: server.url });
  });
  beforeEach(() => server.behave('accept'));
  afterAll(async () => {
    await transport.close();
    await server[Symbol.asyncDispose]();
  });

  const outcome = async (behaviour: SmtpBehaviour) => {
    const mail = mailTo(`${randomUUID()}@example.com`);
    server.behave(behaviour);
    const failure = await transport.send(mail, never).catch((error: { failure: string }) => error.failure);
    const copies = server.received.filter(({ messageId }) => messageId === mail.messageId).length;
    return { failure, copies };
  };

  test.each<[string, SmtpBehaviour, string, number]>([
    ['an unknown recipient is permanent', { refuse: 550 }, 'permanent', 0],
    ['a refused message is permanent', { refuse: 554, at: 'data' }, 'permanent', 0],
    ['a full or grey-listing server is transient', { refuse: 451 }, 'transient', 0],
    ['a message that cannot be taken now is transient', { refuse: 452, at: 'data' }, 'transient', 0],
    ['a server that shuts down is unavailable', { refuse: 421 }, 'unavailable', 0],
    ['"too many mails" is unavailable, whatever its code', { refuse: 450, text: '4.7.1 too many mails from you' }, 'unavailable', 0],
    ['a connection cut before the message is unavailable: it cannot arrive', 'drop-before-data', 'unavailable', 0],
    ['a connection cut after the message is unknown, and it is not tried again behind our back', 'drop-after-data', 'unknown', 1],
    ['silence after the message is unknown', 'hang', 'unknown', 1],
    ['a slow server is none of these', { acceptAfterMs: 100 }, '250 OK: message queued', 1],
  ])('%s', async (_title, behaviour, failure, copies) => {
    expect(await outcome(behaviour)).toEqual({ failure, copies });
    expect(await outcome('accept')).toMatchObject({ copies: 1 });
  });

  test('a refused log-in is unavailable: a wrong password fails no mail for good', async () => {
    server.behave('refuse-login');
    const fresh = createSmtpTransport({ ...settings, url: server.url });
    await expect(fresh.send(mailTo('ada@example.com'), never)).rejects.toMatchObject({ failure: 'unavailable' });
    expect(fresh.health()).toMatchObject({ ok: true, detail: expect.stringContaining('wrong password') });
    await fresh.close();
  });

  test('a host other than this machine without TLS gets neither mail nor password', async () => {
    const open = createSmtpTransport({ ...settings, url: server.url.replace('127.0.0.1', '127.1') });
    await expect(open.send(mailTo('ada@example.com'), never)).rejects.toMatchObject({
      failure: 'unavailable',
      message: expect.stringContaining('STARTTLS'),
    });
    await open.close();
  });

  test('an aborted send after the message is unknown', async () => {
    server.behave('hang');
    const slow = createSmtpTransport({ ...settings, url: server.url, timeouts: { connectMs: 5_000, silenceMs: 60_000 } });
    await expect(slow.send(mailTo('ada@example.com'), AbortSignal.timeout(400))).rejects.toMatchObject({ failure: 'unknown' });
    await slow.close();
  });
});
