import { userOf } from '@stoa/auth';
import { Answer, type Http, IfMatch, Nullish, preconditionOf, problems, StrictObject, Text, withETag } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { ChangeProfile } from '../application/change-profile.ts';
import { errors } from '../errors.ts';
import type { FieldRules } from './field-rules.ts';
import { UserAnswer } from './user-answer.ts';

/** All by the rules of registration. */
export const ProfileBody = named(
  'UserChange',
  StrictObject(
    {
      email: Type.Optional(Type.String({ maxLength: 320, description: 'Counts as soon as the link that is mailed to it is used.' })),
      login: Nullish(Type.String({ maxLength: 100, description: 'Null takes it away.' })),
      phone: Nullish(Type.String({ maxLength: 100, description: 'Null takes it away.' })),
      fullName: Nullish(Text({ maxLength: 200, description: 'Null takes it away.' })),
    },
    { examples: [{ fullName: 'Ada King', phone: null }] },
  ),
);

export function changeProfileRoute(http: Http, { changeProfile, rules }: { changeProfile: ChangeProfile; rules: FieldRules }): void {
  http.patch(
    '/v1/users/me',
    {
      config: { access: 'user', rules: rules.profile },
      schema: {
        tags: ['users'],
        operationId: 'changeProfile',
        summary: 'Change your profile',
        description:
          'What is left out stays as it is. A new e-mail address has to be confirmed by the link that is mailed to it; until then the old one counts, and it gets a notice. At most five such mails an hour.',
        headers: IfMatch,
        body: ProfileBody,
        response: {
          200: Answer('The account as it is now.', UserAnswer, 'ETag'),
          ...problems(errors, 'email_taken', 'phone_taken', 'login_taken', 'link_budget_spent'),
        },
      },
    },
    async (request, reply) => withETag(reply, await changeProfile(userOf(request).id, request.body, preconditionOf(request))),
  );
}
