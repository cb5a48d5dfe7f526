import { actorOf } from '@stoa/auth';
import { Answer, type Cursors, type Http, IdParams, Nullable, Page, PageQuery, problems, Timestamp } from '@stoa/http';
import { emailAddressForm, named, orThrow } from '@stoa/service';
import type { Kysely } from 'kysely';
import { Type } from 'typebox';
import { mailerErrors } from '../errors.ts';
import { ATTEMPT_STATUSES, MAIL_STATUSES, type MailerTables } from '../tables.ts';
import { findMail, mailsQuery } from './mails.view.ts';
import type { ResendMail } from './resend-mail.ts';

export interface MailsRoutes {
  readonly query: Kysely<MailerTables>;
  readonly cursors: Cursors;
  readonly resendMail: ResendMail;
}

const Id = Type.String({ format: 'uuid', examples: ['0199d3a0-0000-7000-8000-000000000007'] });

const MailAnswer = named(
  'Mail',
  Type.Object({
    id: Id,
    to: Type.String({ examples: ['ada@example.com'] }),
    template: Type.String({ examples: ['reset-password'] }),
    subject: Type.String({ examples: ['Reset your Stoa password'] }),
    status: Type.Enum(MAIL_STATUSES),
    reason: Nullable(Type.String(), { description: 'Why it is not, or not yet, sent.' }),
    createdAt: Timestamp(),
    finishedAt: Nullable(Timestamp(), { description: 'When it reached its end.' }),
    resendOf: Nullable(Id, { description: 'The mail that this one is a copy of.' }),
  }),
);

const Attempt = named(
  'MailAttempt',
  Type.Object({
    number: Type.Integer({ minimum: 1 }),
    status: Type.Enum(ATTEMPT_STATUSES),
    transport: Type.String({ examples: ['smtp'] }),
    startedAt: Timestamp(),
    endedAt: Nullable(Timestamp(), { description: 'Null while it lasts.' }),
    response: Nullable(Type.String(), { description: "The mail server's answer, or what went wrong; codes and tokens masked." }),
  }),
);

const MailWithAttempts = named(
  'MailWithAttempts',
  Type.Object({
    ...MailAnswer.properties,
    text: Type.String({ description: 'The text part, with `••••` where a code or token stands when it leaves.' }),
    userId: Nullable(Type.String({ format: 'uuid' }), { description: 'The person whom the mail is for.' }),
    messageId: Type.String({ description: 'The same in every attempt.' }),
    correlationId: Type.String({ description: 'Of the request that caused it.' }),
    attempts: Type.Array(Attempt),
  }),
);

const ListQuery = PageQuery({
  to: Type.Optional(Type.String({ minLength: 1, maxLength: 254, description: 'The address, in any letter case.' })),
  status: Type.Optional(Type.Enum(MAIL_STATUSES)),
  template: Type.Optional(Type.String({ minLength: 1, maxLength: 100, examples: ['welcome'] })),
});
const tags = ['mails'];

/** The audit of every mail that was ever asked for, and the way to have one sent again. */
export function mailsRoutes(http: Http, { query, cursors, resendMail }: MailsRoutes): void {
  http.get(
    '/v1/mails',
    {
      config: { access: { permission: 'mails:read' } },
      schema: {
        tags,
        operationId: 'listMails',
        summary: 'List mails, newest first',
        querystring: ListQuery,
        response: { 200: Answer('The mails of one page.', Page('MailPage', MailAnswer)) },
      },
    },
    async (request) => {
      const { limit, cursor, to, ...others } = request.query;
      const filter = { ...others, ...(to !== undefined && { to: emailAddressForm(to) }) };
      const page = cursors.page({ list: 'mails', ...filter }, { limit, cursor });
      return page.answer(await mailsQuery(query, filter, page.limit, page.after).execute(), ({ id }) => id);
    },
  );

  http.get(
    '/v1/mails/:id',
    {
      config: { access: { permission: 'mails:read' } },
      schema: {
        tags,
        operationId: 'getMail',
        summary: 'One mail with every attempt to send it',
        params: IdParams(Id),
        response: { 200: Answer('The mail.', MailWithAttempts), ...problems(mailerErrors, 'mail_not_found') },
      },
    },
    async ({ params: { id } }) => orThrow(await findMail(query, id), mailerErrors.mail_not_found),
  );

  http.post(
    '/v1/mails/:id/resend',
    {
      config: { access: { permission: 'mails:resend' }, idempotent: true },
      schema: {
        tags,
        operationId: 'resendMail',
        summary: 'Send a mail again',
        description:
          'Queues a copy. A code or link is made anew when it leaves; when that is no longer wanted, the copy ends as `superseded`.',
        params: IdParams(Id),
        response: {
          202: Answer('The copy, queued.', MailAnswer, 'Location'),
          ...problems(mailerErrors, 'mail_not_found', 'mail_on_its_way'),
        },
      },
    },
    async (request, reply) => {
      const mail = await resendMail(request.params.id, actorOf(request.principal), request.reservedResourceId);
      void reply.header('location', `/v1/mails/${mail.id}`);
      return mail;
    },
  );
}
