import { type Http, NoBody, problems, StrictObject } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { ConfirmEmail } from '../application/confirm-email.ts';
import { errors } from '../errors.ts';
import type { ClientIpLimits } from './client-ip-limits.ts';

const Body = named(
  'EmailConfirmation',
  StrictObject(
    { token: Type.String({ maxLength: 200, description: 'What the mailed link has behind `#token=`.' }) },
    { examples: [{ token: 'i6Q2vhVXG0bUqqkF1O9UB8y4kYHc3Eo0sYV7qg1bHkI' }] },
  ),
);

export function confirmEmailRoute(http: Http, { confirmEmail, limits }: { confirmEmail: ConfirmEmail; limits: ClientIpLimits }): void {
  http.post(
    '/v1/email-confirmations',
    {
      config: { access: 'anyone' },
      schema: {
        tags: ['users'],
        operationId: 'confirmEmail',
        summary: 'Confirm a new e-mail address with the link of a mail',
        description: 'From then on it is the address of the account; the old one gets a notice, and all links of the account are void.',
        body: Body,
        response: {
          204: NoBody('Confirmed. No body.'),
          ...problems(errors, 'link_invalid', 'link_expired', 'email_taken'),
        },
      },
    },
    async (request, reply) => {
      await limits.countWrongLink(request, reply, () => confirmEmail(request.body.token));
    },
  );
}
