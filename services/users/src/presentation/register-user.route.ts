import { actorOf } from '@stoa/auth';
import { Answer, type Http, problems, StrictObject, Text, withETag } from '@stoa/http';
import { named } from '@stoa/service';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { RegisterUser } from '../application/register-user.ts';
import type { PasswordLimit } from '../domain/password-rules.ts';
import { errors } from '../errors.ts';
import type { ClientIpLimits } from './client-ip-limits.ts';
import { clientSignal } from './client-signal.ts';
import type { FieldRules } from './field-rules.ts';
import { UserAnswer } from './user-answer.ts';

/** Lengths keep hostile input small; the rules are the domain's, which reports all that is wrong at once. */
const bodyWith = ({ most, unit }: PasswordLimit) =>
  named(
    'NewUser',
    StrictObject(
      {
        email: Type.String({
          maxLength: 320,
          description: 'Unique in any letter case. At most 254 characters, 64 before the @, which are ASCII.',
        }),
        password: Type.Optional(
          Type.String({
            maxLength: 1_000,
            description: `Only a caller with the permission \`users:create\` may leave it out. At least 8 characters, at most ${most} ${unit}. Not trimmed. Not a common password, nor the e-mail address or login.`,
          }),
        ),
        login: Type.Optional(
          Type.String({
            maxLength: 100,
            description: 'Unique in any letter case. 3 to 32 of `A-Z a-z 0-9 . _ -`, beginning with a letter.',
          }),
        ),
        phone: Type.Optional(
          Type.String({ maxLength: 100, description: 'Unique in any notation. With `+` or `00` and the country code.' }),
        ),
        fullName: Type.Optional(Text({ maxLength: 200, description: 'On one line.' })),
      },
      {
        examples: [
          { email: 'ada@example.com', password: 'analytical engine 1843', login: 'ada', phone: '+49 30 901820', fullName: 'Ada Lovelace' },
        ],
      },
    ),
  );

export interface RegisterUserRoute {
  readonly registerUser: RegisterUser;
  readonly limits: ClientIpLimits;
  readonly rules: FieldRules;
  readonly passwordLimit: PasswordLimit;
}

export function registerUserRoute(http: Http, { registerUser, limits, rules, passwordLimit }: RegisterUserRoute): void {
  http.post(
    '/v1/users',
    {
      config: { access: 'anyone', idempotent: true, rules: (draft, request) => rules.person(draft, registersOthers(request)) },
      schema: {
        tags: ['users'],
        operationId: 'registerUser',
        summary: 'Register a person',
        description:
          'Makes a pending account and mails its activation code. A caller with the permission `users:create` may leave the password out: a link to set one is mailed instead, which also activates. When several of e-mail, phone and login are taken, the first is reported.',
        body: bodyWith(passwordLimit),
        response: {
          201: Answer('The account.', UserAnswer, 'Location', 'ETag'),
          ...problems(errors, 'email_taken', 'phone_taken', 'login_taken', 'hashing_busy'),
        },
      },
    },
    async (request, reply) => {
      const { principal } = request;
      const forOthers = registersOthers(request);
      // Another back end registers as many as it has.
      if (!(forOthers && principal?.kind === 'service-account')) await limits.countRegistration(request, reply);
      const user = await registerUser(
        request.body,
        { actor: actorOf(principal), forOthers },
        clientSignal(reply),
        request.reservedResourceId,
      );
      return withETag(reply.header('location', `/v1/users/${user.id}`), user);
    },
  );
}

/** Whether the caller registers others, who may choose their passwords themselves. */
const registersOthers = ({ principal }: FastifyRequest): boolean =>
  principal !== undefined && principal.kind !== 'service' && principal.permissions.has('users:create');
