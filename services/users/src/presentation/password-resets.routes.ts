import { type Http, NoBody, problems, StrictObject } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { ConfirmPasswordReset } from '../application/confirm-password-reset.ts';
import type { RequestPasswordReset } from '../application/request-password-reset.ts';
import { errors } from '../errors.ts';
import type { ClientIpLimits } from './client-ip-limits.ts';
import type { FieldRules } from './field-rules.ts';

export interface PasswordResetsRoutes {
  readonly requestPasswordReset: RequestPasswordReset;
  readonly confirmPasswordReset: ConfirmPasswordReset;
  readonly limits: ClientIpLimits;
  readonly rules: FieldRules;
}

const Body = named(
  'PasswordReset',
  StrictObject(
    { email: Type.String({ maxLength: 320, description: 'Of the account, in any letter case.' }) },
    { examples: [{ email: 'ada@example.com' }] },
  ),
);
const ConfirmBody = named(
  'PasswordResetConfirmation',
  StrictObject(
    {
      token: Type.String({ maxLength: 200, description: 'What the mailed link has behind `#token=`.' }),
      password: Type.String({ maxLength: 1_000, description: 'The new one, by the rules of registration.' }),
    },
    { examples: [{ token: 'i6Q2vhVXG0bUqqkF1O9UB8y4kYHc3Eo0sYV7qg1bHkI', password: 'analytical engine 1843' }] },
  ),
);

const tags = ['users'];

/** A new password by a link in a mail; also the first one of an account that somebody else registered. */
export function passwordResetsRoutes(
  http: Http,
  { requestPasswordReset, confirmPasswordReset, limits, rules }: PasswordResetsRoutes,
): void {
  http.post(
    '/v1/password-resets',
    {
      config: { access: 'anyone', rules: rules.email },
      schema: {
        tags,
        operationId: 'requestPasswordReset',
        summary: 'Have a link to a new password mailed',
        description:
          'The answer is always the same: it does not say whether there is such an account, nor whether a mail leaves. An account gets five such mails an hour at most.',
        body: Body,
        response: { 202: NoBody('If there is such an account, a mail will leave soon. No body.') },
      },
    },
    async (request, reply) => {
      await limits.countPasswordReset(request, reply);
      await requestPasswordReset(request.body.email);
    },
  );
  http.post(
    '/v1/password-resets/confirm',
    {
      config: { access: 'anyone', rules: rules.password('password') },
      schema: {
        tags,
        operationId: 'confirmPasswordReset',
        summary: 'Set a password with the link of a mail',
        description:
          'Ends all sessions, and makes all links of the account void. An account that is not active yet becomes active: the link proves the address. A password that is refused leaves the link as it was.',
        body: ConfirmBody,
        response: {
          204: NoBody('The password is set. No body.'),
          ...problems(errors, 'link_invalid', 'link_expired', 'hashing_busy'),
        },
      },
    },
    async (request, reply) => {
      const { token, password } = request.body;
      await limits.countWrongLink(request, reply, (signal) => confirmPasswordReset(token, password, signal));
    },
  );
}
