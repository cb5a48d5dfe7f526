import { userOf } from '@stoa/auth';
import { Answer, entityTag, type Http, IfMatch, problems, requireMatch } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { ChangeProfile } from '../application/change-profile.ts';
import { catalogue } from '../errors.ts';
import type { FieldRules } from './field-rules.ts';
import { toAnswer, UserAnswer } from './user-answer.ts';

const Clearable = (options: object) => Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'], ...options }));

/** All by the rules of registration. */
export const ProfileBody = named(
  'UserChange',
  Type.Object(
    {
      email: Type.Optional(Type.String({ maxLength: 320, description: 'Counts as soon as the link that is mailed to it is used.' })),
      login: Clearable({ maxLength: 100, description: 'Null takes it away.' }),
      phone: Clearable({ maxLength: 100, description: 'Null takes it away.' }),
      fullName: Clearable({ maxLength: 200, singleLine: true, description: 'Null takes it away.' }),
    },
    { additionalProperties: false, examples: [{ fullName: 'Ada King', phone: null }] },
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
          'What is left out stays as it is. A new e-mail address has to be confirmed by the link that is mailed to it; until then the old one counts, which is told of it. Five such mails an hour.',
        headers: IfMatch,
        body: ProfileBody,
        response: {
          200: Answer('The account as it is now.', UserAnswer, 'ETag'),
          ...problems(
            catalogue,
            'validation_failed',
            'precondition_failed',
            'email_taken',
            'phone_taken',
            'login_taken',
            'link_budget_spent',
          ),
        },
      },
    },
    async (request, reply) => {
      const { id } = userOf(request);
      const user = await changeProfile(id, request.body, ({ version }) => requireMatch(request, entityTag(version)));
      void reply.header('etag', entityTag(user.version));
      return toAnswer(user);
    },
  );
}
