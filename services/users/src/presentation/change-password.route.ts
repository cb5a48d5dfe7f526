import { userOf } from '@stoa/auth';
import { type Http, NoBody, problems, StrictObject } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { ChangePassword } from '../application/change-password.ts';
import { errors } from '../errors.ts';
import type { ClientIpLimits } from './client-ip-limits.ts';
import type { FieldRules } from './field-rules.ts';

const Body = named(
  'PasswordChange',
  StrictObject(
    {
      currentPassword: Type.String({ maxLength: 1_000 }),
      newPassword: Type.String({ maxLength: 1_000, description: 'By the rules of registration.' }),
    },
    { examples: [{ currentPassword: 'analytical engine 1843', newPassword: 'difference engine 1822' }] },
  ),
);

export function changePasswordRoute(
  http: Http,
  { changePassword, limits, rules }: { changePassword: ChangePassword; limits: ClientIpLimits; rules: FieldRules },
): void {
  http.put(
    '/v1/users/me/password',
    {
      config: { access: 'user', rules: rules.password('newPassword') },
      schema: {
        tags: ['users'],
        operationId: 'changePassword',
        summary: 'Change your password',
        description:
          'Ends your other sessions, and makes the links that were mailed to you void. A wrong current password counts as a failed log-in.',
        body: Body,
        response: {
          204: NoBody('Changed. No body.'),
          ...problems(errors, 'invalid_credentials', 'too_many_attempts', 'hashing_busy'),
        },
      },
    },
    async (request, reply) => {
      const person = userOf(request);
      const { currentPassword, newPassword } = request.body;
      await limits.countFailure(request, reply, person.id, (signal) => changePassword(person, currentPassword, newPassword, signal));
    },
  );
}
