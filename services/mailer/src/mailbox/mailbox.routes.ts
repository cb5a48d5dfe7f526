import { Readable } from 'node:stream';
import { Answer, edgeOf, type Http, Media, NoBody, pageOf, problems } from '@stoa/http';
import { orThrow } from '@stoa/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { mailerErrors } from '../errors.ts';
import type { Arrivals } from './arrivals.ts';
import {
  LatestQuery,
  ListQuery,
  MessageList,
  MessageParams,
  MessageWithExtracts,
  present,
  presentWithExtracts,
} from './mailbox-schemas.ts';
import type { MailboxStore } from './mailbox-store.ts';

/** A mail may look as it likes, but it runs nothing, loads nothing, sends nothing and leads nowhere. */
const PREVIEW_CSP =
  "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";
/** Keeps proxies from closing the stream of a quiet mailbox. */
const HEARTBEAT_MS = 15_000;
const tags = ['mailbox'];

export interface MailboxRoutesOptions {
  readonly store: MailboxStore;
  readonly arrivals: Arrivals;
}

/** The local mailbox over HTTP. For development: anyone who reaches it reads every mail. */
export function installMailboxRoutes(http: Http, { store, arrivals }: MailboxRoutesOptions): void {
  http.get(
    '/mailbox/messages',
    {
      schema: {
        tags,
        summary: 'The messages of the local mailbox, newest first',
        operationId: 'listMailboxMessages',
        querystring: ListQuery,
        response: { 200: Answer('The messages of one page.', MessageList) },
      },
    },
    async ({ query: { to, limit, cursor } }) => {
      const messages = await store.list({ limit: limit + 1, ...(to && { to }), ...(cursor && { before: cursor }) });
      return pageOf(messages, limit, present, ({ id }) => id);
    },
  );

  http.get(
    '/mailbox/messages/latest',
    {
      config: { waitSeconds: 60 },
      schema: {
        tags,
        summary: 'The newest message, with its code and links; waits for it if need be',
        operationId: 'latestMailboxMessage',
        querystring: LatestQuery,
        response: { 200: Answer('The message.', MessageWithExtracts), ...problems(mailerErrors, 'no_message_yet') },
      },
    },
    async (request, reply) => {
      const { to, wait, after } = request.query;
      const answered = new AbortController();
      const signal = AbortSignal.any([answered.signal, over(request, reply), AbortSignal.timeout(Number.parseInt(wait, 10) * 1_000)]);
      try {
        for (;;) {
          // Listen first, then query: a message in between is not missed.
          const arrival = arrivals.next(to, signal);
          const [message] = await store.list({ limit: 1, ...(to && { to }), ...(after && { after }) });
          if (message) return presentWithExtracts(message);
          if (signal.aborted) throw mailerErrors.no_message_yet();
          await arrival;
        }
      } finally {
        answered.abort();
      }
    },
  );

  http.get(
    '/mailbox/events',
    {
      schema: {
        tags,
        summary: 'Stream an event for each message that arrives (server-sent events)',
        operationId: 'mailboxEvents',
        response: { 200: Media('An event `arrival` for each message.', 'text/event-stream') },
      },
    },
    async (request, reply) => {
      const stream = new Readable({ read() {} });
      const signal = over(request, reply);
      const heartbeat = setInterval(() => stream.push(': still here\n\n'), HEARTBEAT_MS);
      arrivals.watch(undefined, signal, () => stream.push('event: arrival\ndata:\n\n'));
      const end = (): void => {
        clearInterval(heartbeat);
        stream.push(null);
      };
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
      stream.push('retry: 2000\n\n');
      return reply.type('text/event-stream').send(stream);
    },
  );

  http.get(
    '/mailbox/messages/:id',
    {
      schema: {
        tags,
        summary: 'One message, with its code and links',
        operationId: 'getMailboxMessage',
        params: MessageParams,
        response: { 200: Answer('The message.', MessageWithExtracts), ...problems(mailerErrors, 'mailbox_message_not_found') },
      },
    },
    async ({ params: { id } }) => presentWithExtracts(await find(id)),
  );

  http.get(
    '/mailbox/messages/:id/raw',
    {
      schema: {
        tags,
        summary: 'One message as it came over SMTP',
        operationId: 'getRawMailboxMessage',
        params: MessageParams,
        response: { 200: Media('The message.', 'text/plain'), ...problems(mailerErrors, 'mailbox_message_not_found') },
      },
    },
    async ({ params: { id } }, reply) => {
      const raw = orThrow(await store.raw(id), mailerErrors.mailbox_message_not_found);
      return reply.type('text/plain; charset=utf-8').send(raw);
    },
  );

  http.get(
    '/mailbox/messages/:id/html',
    {
      schema: {
        tags,
        summary: 'The HTML part alone, made harmless, for a frame',
        operationId: 'previewMailboxMessage',
        params: MessageParams,
        response: { 200: Media('A page.', 'text/html'), ...problems(mailerErrors, 'mailbox_message_not_found') },
      },
    },
    async ({ params: { id } }, reply) => {
      const { html } = await find(id);
      void reply.headers({ 'content-security-policy': PREVIEW_CSP, 'x-frame-options': 'SAMEORIGIN' }).type('text/html; charset=utf-8');
      return reply.send(html ?? '<!doctype html><p>This message has no HTML part.</p>');
    },
  );

  http.delete(
    '/mailbox/messages',
    { schema: { tags, summary: 'Empty the mailbox', operationId: 'emptyMailbox', response: { 204: NoBody('Empty. No body.') } } },
    async () => store.clear(),
  );

  async function find(id: string) {
    return orThrow(await store.get(id), mailerErrors.mailbox_message_not_found);
  }
}

/** Aborted when the client has gone away or has its answer, and when the server that it is connected to is closing. */
function over(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const closed = new AbortController();
  reply.raw.once('close', () => closed.abort());
  return AbortSignal.any([closed.signal, edgeOf(request.raw).owner.ending]);
}
