import { Answer, type Cursors, type Http, Nullable, Page, PageQuery, Text, Timestamp } from '@stoa/http';
import { canonicalId, named } from '@stoa/service';
import { Type } from 'typebox';
import type { AuditLog, LoggedEntry } from '../application/audit-log.ts';

const EntryAnswer = named(
  'AuditEntry',
  Type.Object({
    id: Type.String({ format: 'uuid' }),
    at: Timestamp(),
    action: Type.String({ examples: ['user-registered'] }),
    actor: Type.String({
      description: 'Who did it: `user:<id>`, `service-account:<id>`, `service:<name>`, `command-line`, `system` or `anonymous`.',
      examples: ['user:0199d3a0-0000-7000-8000-000000000002'],
    }),
    subject: Nullable(Type.String(), {
      description: 'What it was done to: the id of an account, a service account, a key or a post, the name of a role.',
      examples: ['0199d3a0-0000-7000-8000-000000000002'],
    }),
    address: Nullable(Type.String(), {
      description: 'The client IP; of IPv6 its /64. Null for work in the background and on the command line.',
      examples: ['192.0.2.1'],
    }),
    correlationId: Type.String({ description: 'Of the request that it was part of.' }),
    details: Type.Unsafe<Record<string, unknown> | null>({
      type: ['object', 'null'],
      additionalProperties: true,
      description: 'Further details; never personal data or secrets.',
    }),
  }),
);
const ListQuery = PageQuery({
  actor: Type.Optional(Text({ minLength: 1, maxLength: 100, description: 'Who did it, as an entry names them.' })),
  action: Type.Optional(Text({ minLength: 1, maxLength: 100, description: 'What was done.' })),
  subject: Type.Optional(Text({ minLength: 1, maxLength: 100, description: 'What it was done to.' })),
  from: Type.Optional(Type.String({ format: 'date-time', description: 'Entries of this time or later.' })),
  to: Type.Optional(Type.String({ format: 'date-time', description: 'Entries before this time.' })),
});

/** Who did what, when. */
export function auditRoutes(http: Http, { auditLog, cursors }: { readonly auditLog: AuditLog; readonly cursors: Cursors }): void {
  http.get(
    '/v1/audit',
    {
      config: { access: { permission: 'audit:read' } },
      schema: {
        tags: ['audit'],
        operationId: 'listAudit',
        summary: 'Read the audit log, newest first',
        description: 'Every entry was written together with what it records, and is never changed or removed.',
        querystring: ListQuery,
        response: { 200: Answer('The entries of one page.', Page('AuditPage', EntryAnswer)) },
      },
    },
    async (request) => {
      const { limit, cursor, actor, subject, ...others } = request.query;
      // Ids of many kinds, and what is none.
      const filters = { ...others, ...(actor && { actor: canonicalActor(actor) }), ...(subject && { subject: canonicalId(subject) }) };
      const page = cursors.page({ list: 'audit', ...filters }, { limit, cursor });
      const { from, to, ...equal } = filters;
      return page.answer(await auditLog.list({ ...equal, from: timeOf(from), to: timeOf(to) }, page), ({ id }) => id, toAnswer);
    },
  );
}

const toAnswer = ({ clientIp: address, ...entry }: LoggedEntry) => ({ ...entry, address });

/** `user:<id>`, with the id in its one form. */
const canonicalActor = (actor: string): string => actor.split(':').map(canonicalId).join(':');

const timeOf = (text: string | undefined): Date | undefined => (text === undefined ? undefined : new Date(text));
