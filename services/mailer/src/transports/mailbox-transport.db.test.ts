import { migrationSourcesOf } from '@stoa/kit';
import { testDatabase } from '@stoa/postgres/testing';
import { createLog } from '@stoa/service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mailer } from '../index.ts';
import { createMailboxStore } from '../mailbox/mailbox-store.ts';
import type { MailerTables } from '../tables.ts';
import { startMailboxTransport } from './mailbox-transport.ts';
import type { Transport } from './transport.ts';
import { mailTo, transportContract } from './transport-contract.ts';

const log = createLog({ level: 'silent' });

async function openMailbox() {
  const system = await testDatabase<MailerTables>({ sources: migrationSourcesOf(mailer) });
  const store = createMailboxStore(system.database);
  const state = { away: false };
  const add: typeof store.add = async (message) => {
    if (state.away) throw new Error('the database is away');
    await store.add(message);
  };
  const transport = await startMailboxTransport({ store: { add }, from: 'Stoa <no-reply@stoa.test>', connections: 3, log });
  return {
    transport,
    store,
    state,
    async dispose() {
      await transport.close();
      await system[Symbol.asyncDispose]();
    },
  };
}

transportContract('mailbox', async () => {
  const { transport, store, state, dispose } = await openMailbox();
  return {
    transport,
    async arrived(to) {
      const messages = await store.list({ to, limit: 100 });
      return Promise.all(
        messages.map(async ({ id, subject, text, html, sender }) => {
          const raw = String(await store.raw(id));
          return { subject, text, html: html ?? '', from: sender, messageId: /^message-id:\s*(<[^>]+>)/im.exec(raw)?.[1] ?? '', raw };
        }),
      );
    },
    fail: async () => void (state.away = true),
    recover: async () => void (state.away = false),
    [Symbol.asyncDispose]: dispose,
  };
});

describe('the mailbox as a mail server', () => {
  let system: Awaited<ReturnType<typeof openMailbox>>;
  let transport: Transport;
  beforeAll(async () => {
    system = await openMailbox();
    transport = system.transport;
  });
  afterAll(() => system.dispose());

  test('refuses for good what is larger than any mail of ours', async () => {
    const mail = mailTo('ada@example.com', { text: 'x'.repeat(2 * 1024 * 1024) });
    await expect(transport.send(mail, new AbortController().signal)).rejects.toMatchObject({ failure: 'permanent' });
  });

  test('stores what no text column takes', async () => {
    const mail = mailTo('nul@example.com', { text: 'before\0after', subject: 'a\0b' });
    await transport.send(mail, new AbortController().signal);
    expect(await system.store.list({ to: 'nul@example.com', limit: 1 })).toMatchObject([{ text: expect.stringContaining('before') }]);
  });
});
