import type { Database } from '@stoa/postgres';
import { emailAddressForm, uuidv7 } from '@stoa/service';
import { sql } from 'kysely';
import type { MailerTables } from '../tables.ts';

/** What the mailbox remembers; older messages make room. */
const KEPT = 5_000;
/** How many messages may come between two clean-ups. */
const PRUNE_EVERY = 100;
/** Notified of each message, with its recipients separated by spaces, so that waiting readers on all copies need not query in vain. */
export const MAILBOX_CHANNEL = 'mailbox_message';
/** A payload that Postgres still takes; beyond it every reader has to query. */
const LONGEST_PAYLOAD = 7_000;

export interface NewMessage {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly subject: string;
  readonly messageId: string | undefined;
  readonly text: string;
  readonly html: string | undefined;
  readonly raw: Buffer;
}

export interface MailboxMessage {
  readonly id: string;
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
  readonly receivedAt: Date;
}

export interface MailboxStore {
  add(message: NewMessage): Promise<void>;
  /** Newest first; `to` in any form, `before` the id where the last page ended, `after` the id that all must be newer than. */
  list(filter: {
    readonly to?: string;
    readonly limit: number;
    readonly before?: string;
    readonly after?: string;
  }): Promise<MailboxMessage[]>;
  get(id: string): Promise<MailboxMessage | undefined>;
  raw(id: string): Promise<Buffer | undefined>;
  clear(): Promise<void>;
}

export function createMailboxStore(database: Database<MailerTables>): MailboxStore {
  const { query } = database;
  const messages = () =>
    query
      .selectFrom('mailbox_messages')
      .select(['id', 'sender', 'recipients', 'subject', 'content_text as text', 'content_html as html', 'received_at as receivedAt']);
  let added = 0;

  return {
    async add({ sender, recipients, subject, messageId, text, html, raw }) {
      const addresses = recipients.map(emailAddressForm);
      const told = addresses.join(' ');
      await query
        .insertInto('mailbox_messages')
        .values({
          id: uuidv7(),
          sender,
          recipients: addresses,
          subject: storable(subject),
          message_id: messageId ?? null,
          content_text: storable(text),
          content_html: html === undefined ? null : storable(html),
          raw,
        })
        .execute();
      database.notify(MAILBOX_CHANNEL, told.length > LONGEST_PAYLOAD ? '' : told);
      // The mail is stored: what goes wrong with the old ones must not have it sent again. The next clean-up takes them too.
      if (++added % PRUNE_EVERY === 0) await prune().catch(() => {});
    },
    list({ to, limit, before, after }) {
      let page = messages();
      if (to !== undefined) page = page.where('recipients', '@>', sql<string[]>`array[${emailAddressForm(to)}]::text[]`);
      if (before !== undefined) page = page.where('id', '<', before);
      if (after !== undefined) page = page.where('id', '>', after);
      return page.orderBy('id', 'desc').limit(limit).execute();
    },
    get: (id) => messages().where('id', '=', id).executeTakeFirst(),
    async raw(id) {
      const found = await query.selectFrom('mailbox_messages').select('raw').where('id', '=', id).executeTakeFirst();
      return found?.raw;
    },
    async clear() {
      await query.deleteFrom('mailbox_messages').execute();
    },
  };

  async function prune(): Promise<void> {
    await query
      .deleteFrom('mailbox_messages')
      .where('id', '<=', (db) => db.selectFrom('mailbox_messages').select('id').orderBy('id', 'desc').offset(KEPT).limit(1))
      .execute();
  }
}

/** Postgres stores no NUL, and UTF-8 has no lone surrogates. */
const storable = (text: string): string => text.toWellFormed().replaceAll('\0', '');
