import { actorOf } from '@stoa/auth';
import { Answer, type Cursors, type Http, httpErrors, Page, PageQuery, pageOf, problems } from '@stoa/http';
import { emailAddressForm, named } from '@stoa/service';
import type { Kysely } from 'kysely';
import { type Static, Type } from 'typebox';
import { mailerErrors } from '../errors.ts';
import { ATTEMPT_STATUSES, MAIL_STATUSES, type MailerTables } from '../tables.ts';
import { type FoundMail, findMail, type MailRow, mailsQuery } from './mails.view.ts';
import type { ResendMail } from './resend-mail.ts';

export interface MailsRoutes {
  readonly query: Kysely<MailerTables>;
  readonly cursors: Cursors;
  readonly resendMail: ResendMail;
}

const { catalogue } = mailerErrors;
const Id = Type.String({ format: 'uuid', examples: ['0199d3a0-0000-7000-8000-000000000007'] });
const Time = Type.String({ format: 'date-time' });
const orNull = <T extends Type.TSchema>(schema: T, description: string) => Type.Union([schema, Type.Null()], { description });

const MailAnswer = named(
  'Mail',
  Type.Object(
    {
      id: Id,
      to: Type.String({ examples: ['ada@example.com'] }),
      template: Type.String({ examples: ['reset-password'] }),
      subject: Type.String({ examples: ['Reset your Stoa password'] }),
      status: Type.Enum(MAIL_STATUSES),
      reason: orNull(Type.String(), 'Why it is not, or not yet, sent.'),
      createdAt: Time,
      finishedAt: orNull(Time, 'When it reached its end.'),
      resendOf: orNull(Id, 'The mail that this one is a copy of.'),
    },
    { additionalProperties: false },
  ),
);

const Attempt = named(
  'MailAttempt',
  Type.Object(
    {
      number: Type.Integer({ minimum: 1 }),
      status: Type.Enum(ATTEMPT_STATUSES),
      transport: Type.String({ examples: ['smtp'] }),
      startedAt: Time,
      endedAt: orNull(Time, 'Null while it lasts.'),
      response: orNull(Type.String(), "The mail server's answer, or what went wrong; codes and tokens masked."),
    },
    { additionalProperties: false },
  ),
);

const MailWithAttempts = named(
  'MailWithAttempts',
  Type.Object(
    {
      ...MailAnswer.properties,
      text: Type.String({ description: 'The text part, with `••••` where a code or token stands when it leaves.' }),
      userId: orNull(Type.String({ format: 'uuid' }), 'Whose mail it is.'),
      messageId: Type.String({ description: 'The same in every attempt.' }),
      correlationId: Type.String({ description: 'Of the request that it goes back to.' }),
      attempts: Type.Array(Attempt),
    },
    { additionalProperties: false },
  ),
);

const ListQuery = Type.Object(
  {
    ...PageQuery,
    to: Type.Optional(Type.String({ minLength: 1, maxLength: 254, description: 'The address, in any letter case.' })),
    status: Type.Optional(Type.Enum(MAIL_STATUSES)),
    template: Type.Optional(Type.String({ minLength: 1, maxLength: 100, examples: ['welcome'] })),
  },
  { additionalProperties: false },
);
const Params = Type.Object({ id: Id }, { additionalProperties: false });

/** The audit of every mail that was ever asked for, and the way to have one sent again. */
export function mailsRoutes(http: Http, { query, cursors, resendMail }: MailsRoutes): void {
  const tags = ['mails'];

  http.get(
    '/v1/mails',
    {
      config: { access: { permission: 'mails:read' } },
      schema: {
        tags,
        operationId: 'listMails',
        summary: 'List mails, newest first',
        querystring: ListQuery,
        response: {
          200: Answer('The mails of one page.', named('MailPage', Page(MailAnswer))),
          ...problems(httpErrors.catalogue, 'invalid_cursor'),
        },
      },
    },
    async (request) => {
      const { limit, cursor, to, ...others } = request.query;
      const filter = { ...others, ...(to !== undefined && { to: emailAddressForm(to) }) };
      const scope = { list: 'mails', ...filter };
      const [before] = cursors.decode<[string]>(scope, cursor) ?? [];
      const rows = await mailsQuery(query, filter, limit + 1, before).execute();
      return pageOf(rows, limit, toAnswer, ({ id }) => cursors.encode(scope, [id]));
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
        params: Params,
        response: { 200: Answer('The mail.', MailWithAttempts), ...problems(catalogue, 'mail_not_found') },
      },
    },
    async ({ params: { id } }) => {
      const mail = await findMail(query, id);
      if (mail === undefined) throw mailerErrors.mail_not_found();
      return withAttempts(mail);
    },
  );

  http.post(
    '/v1/mails/:id/resend',
    {
      config: { access: { permission: 'mails:resend' }, idempotent: true },
      schema: {
        tags,
        operationId: 'resendMail',
        summary: 'Have a mail sent again',
        description:
          'Queues a copy. A code or link is made anew when it leaves; where that is not wanted any more, the copy ends as `superseded`.',
        params: Params,
        response: {
          202: Answer('The copy, queued.', MailAnswer, 'Location'),
          ...problems(catalogue, 'mail_not_found', 'mail_on_its_way'),
        },
      },
    },
    async (request, reply) => {
      const mail = await resendMail(request.params.id, actorOf(request.principal), request.reservedResourceId);
      return reply.code(202).header('location', `/v1/mails/${mail.id}`).send(toAnswer(mail));
    },
  );
}

const toAnswer = ({ id, to, template, subject, status, reason, createdAt, finishedAt, resendOf }: MailRow): Static<typeof MailAnswer> => ({
  id,
  to,
  template,
  subject,
  status,
  reason,
  createdAt: createdAt.toISOString(),
  finishedAt: finishedAt?.toISOString() ?? null,
  resendOf,
});

const withAttempts = ({ text, userId, messageId, correlationId, attempts, ...mail }: FoundMail): Static<typeof MailWithAttempts> => ({
  ...toAnswer(mail),
  text,
  userId,
  messageId,
  correlationId,
  attempts: attempts.map(({ number, status, transport, startedAt, endedAt, response }) => ({
    number,
    status,
    transport,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
    response,
  })),
});
