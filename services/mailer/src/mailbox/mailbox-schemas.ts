import { IdParams, Nullable, StrictObject, Timestamp } from '@stoa/http';
import { named } from '@stoa/service';
import { type Static, Type } from 'typebox';
import { extractCode, extractLinks } from './extract.ts';
import type { MailboxMessage } from './mailbox-store.ts';

const Id = Type.String({ format: 'uuid' });
const To = Type.Optional(Type.String({ minLength: 1, maxLength: 254, description: 'Only messages to this address, in any letter case.' }));

export const Message = named(
  'MailboxMessage',
  Type.Object({
    id: Id,
    from: Type.String(),
    to: Type.String(),
    subject: Type.String(),
    text: Type.String(),
    html: Nullable(Type.String()),
    receivedAt: Timestamp(),
  }),
);

export const MessageWithExtracts = named(
  'MailboxMessageWithExtracts',
  Type.Object({
    ...Message.properties,
    code: Nullable(Type.String(), { description: 'The digits that stand alone on a line of the text.' }),
    links: Type.Array(Type.String(), { description: 'The links of the text and the HTML part, each once.' }),
  }),
);

/** Its cursor is the id of the last message: anyone who reaches the mailbox reads all of them anyway. */
export const MessageList = named('MailboxMessagePage', Type.Object({ items: Type.Array(Message), nextCursor: Nullable(Id) }));

export const ListQuery = StrictObject({
  to: To,
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
  cursor: Type.Optional(Id),
});

export const LatestQuery = StrictObject({
  to: To,
  wait: Type.String({
    pattern: '^([0-9]|[1-5][0-9]|60)s$',
    default: '0s',
    description: 'How long to wait for the message, in seconds: `10s`, at most `60s`.',
  }),
  after: Type.Optional(Type.String({ format: 'uuid', description: 'The id of a message: only a newer one will do.' })),
});

export const MessageParams = IdParams();

export function present({ id, sender, recipients, subject, text, html, receivedAt }: MailboxMessage): Static<typeof Message> {
  return { id, from: sender, to: recipients.join(', '), subject, text, html, receivedAt };
}

export function presentWithExtracts(message: MailboxMessage): Static<typeof MessageWithExtracts> {
  const { text, html } = message;
  return { ...present(message), code: extractCode(text), links: extractLinks(text, html) };
}
