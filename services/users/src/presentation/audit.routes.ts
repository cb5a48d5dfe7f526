import { Answer, type Cursors, type Http, Page, PageQuery, pageOf, problems, Text } from '@stoa/http';
import { canonicalId, named } from '@stoa/service';
import { Type } from 'typebox';
import type { AuditLog, LoggedEntry } from '../application/audit-log.ts';
import { catalogue } from '../errors.ts';

const Instant = Type.String({ format: 'date-time' });
const Nullable = (description: string, examples: string[]) => Type.Union([Type.String(), Type.Null()], { description, examples });

const EntryAnswer = named(
  'AuditEntry',
  Type.Object({
    id: Type.String({ format: 'uuid' }),
    at: Instant,
    action: Type.String({ examples: ['user-registered'] }),
    actor: Type.String({
      description: 'Who did it: `user:<id>`, `service-account:<id>`, `service:<name>`, `command-line`, `system` or `anonymous`.',
      examples: ['user:0199d3a0-0000-7000-8000-000000000002'],
    }),
    subject: Nullable('What it was done to: the id of an account, a service account, a key or a post, the name of a role.', [
      '0199d3a0-0000-7000-8000-000000000002',
    ]),
    address: Nullable('Where from; an IPv6 address by its /64. Null for work in the background and on the command line.', ['192.0.2.1']),
    correlationId: Type.String({ description: 'Of the request that it was part of.' }),
    details: Type.Unsafe<Record<string, unknown> | null>({
      type: ['object', 'null'],
      additionalProperties: true,
      description: 'What else there is to know; never personal data or secrets.',
    }),
  }),
);
const Query = Type.Object(
  {
    ...PageQuery,
    actor: Type.Optional(Text({ minLength: 1, maxLength: 100, description: 'Who did it, as an entry names them.' })),
    action: Type.Optional(Text({ minLength: 1, maxLength: 100, description: 'What was done.' })),
    subject: Type.Optional(Text({ minLength: 1, maxLength: 100, description: 'What it was done to.' })),
    from: Type.Optional(Type.String({ format: 'date-time', description: 'Entries of this time or later.' })),
    to: Type.Optional(Type.String({ format: 'date-time', description: 'Entries before this time.' })),
  },
  { additionalProperties: false },
);

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
        description: 'Every entry was written together with what it tells of, and is never changed or removed.',
        querystring: Query,
        response: {
          200: Answer('The entries of one page.', named('AuditPage', Page(EntryAnswer))),
          ...problems(catalogue, 'validation_failed', 'invalid_cursor'),
        },
      },
    },
    async (request) => {
      const { limit, cursor, actor, subject, ...others } = request.query;
      // Ids of many kinds, and what is none.
      const filters = { ...others, ...(actor && { actor: canonicalActor(actor) }), ...(subject && { subject: canonicalId(subject) }) };
      const scope = { list: 'audit', ...filters };
      const [after] = cursors.decode<[string]>(scope, cursor) ?? [];
      const { from, to, ...equal } = filters;
      const filter = { ...equal, from: timeOf(from), to: timeOf(to) };
      const rows = await auditLog.list(filter, { limit: limit + 1, after });
      return pageOf(rows, limit, toAnswer, (last) => cursors.encode(scope, [last.id]));
    },
  );
}

/** `user:<id>`, with the id in its one form. */
const canonicalActor = (actor: string): string => actor.split(':').map(canonicalId).join(':');

const timeOf = (text: string | undefined): Date | undefined => (text === undefined ? undefined : new Date(text));

const toAnswer = ({ id, at, action, actor, subject, address, correlationId, details }: LoggedEntry) => ({
  id,
  at: at.toISOString(),
  action,
  actor,
  subject,
  address,
  correlationId,
  details,
});
