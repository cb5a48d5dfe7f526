import { Answer, type Http, problems, StrictObject, Text, withETag } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { SetUp } from '../application/set-up.ts';
import { errors } from '../errors.ts';
import type { ClientIpLimits } from './client-ip-limits.ts';
import type { FieldRules } from './field-rules.ts';
import { UserAnswer } from './user-answer.ts';

const Body = named(
  'SetUp',
  StrictObject(
    {
      code: Type.String({ maxLength: 200, description: 'What the printed address has behind `#code=`.' }),
      email: Type.String({ maxLength: 320 }),
      password: Type.String({ maxLength: 1_000, description: 'By the rules of registration.' }),
      fullName: Type.Optional(Text({ maxLength: 200, description: 'On one line.' })),
    },
    {
      examples: [{ code: 'i6Q2vhVXG0bUqqkF1O9UB8y4kYHc3Eo0sYV7qg1bHkI', email: 'ada@example.com', password: 'analytical engine 1843' }],
    },
  ),
);

export interface SetUpRoute {
  readonly setUp: SetUp;
  readonly limits: ClientIpLimits;
  readonly rules: FieldRules;
}

export function setUpRoute(http: Http, { setUp, limits, rules }: SetUpRoute): void {
  http.post(
    '/v1/setup',
    {
      config: { access: 'anyone', rules: (draft) => rules.person(draft, false) },
      schema: {
        tags: ['users'],
        operationId: 'setUp',
        summary: 'Make the first administrator',
        description:
          'With the code that each start prints as long as there is no administrator. The account is active and protected: nobody can delete, demote or block it.',
        body: Body,
        response: {
          201: Answer('The administrator.', UserAnswer, 'Location', 'ETag'),
          ...problems(errors, 'setup_code_invalid', 'already_set_up', 'email_taken', 'hashing_busy'),
        },
      },
    },
    async (request, reply) => {
      const user = await limits.countWrongLink(request, reply, (signal) => setUp(request.body, signal));
      return withETag(reply.header('location', `/v1/users/${user.id}`), user);
    },
  );
}
