import { type Http, NoBody, problems } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { RequestActivationCode } from '../application/request-activation-code.ts';
import { errors } from '../errors.ts';
import type { BasicGuard } from './basic-guard.ts';
import type { ClientIpLimits } from './client-ip-limits.ts';

export interface RequestActivationCodeRoute {
  readonly requestActivationCode: RequestActivationCode;
  readonly guard: BasicGuard;
  readonly limits: ClientIpLimits;
}

/** Nothing, or an empty object: some clients cannot send a POST without a body. */
const Body = named(
  'NewActivationCode',
  Type.Unsafe<Record<string, never> | null>({ type: ['object', 'null'], additionalProperties: false, description: 'Nothing to say.' }),
);

export function requestActivationCodeRoute(http: Http, { requestActivationCode, guard, limits }: RequestActivationCodeRoute): void {
  http.post(
    '/v1/users/activation/code',
    {
      config: { access: 'basic' },
      onRequest: guard.onRequest,
      schema: {
        tags: ['users'],
        operationId: 'requestActivationCode',
        summary: 'Have a new activation code mailed',
        description:
          'The new code takes the place of the earlier one when its mail leaves. Five codes an hour and ten a day, that of the registration among them.',
        security: [{ basic: [] }],
        body: Body,
        response: {
          202: NoBody('A mail with a new code will leave soon. No body.'),
          ...problems(
            errors,
            'credentials_required',
            'invalid_credentials',
            'account_blocked',
            'already_active',
            'code_budget_spent',
            'too_many_attempts',
            'hashing_busy',
          ),
        },
      },
    },
    async (request, reply) => {
      await limits.countResend(request, reply);
      await requestActivationCode(guard.accountOf(request));
    },
  );
}
