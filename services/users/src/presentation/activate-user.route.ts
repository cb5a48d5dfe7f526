import { Answer, type Http, problems, StrictObject, withETag } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { ActivateUser } from '../application/activate-user.ts';
import { errors } from '../errors.ts';
import type { BasicGuard } from './basic-guard.ts';
import type { ClientIpLimits } from './client-ip-limits.ts';
import { UserAnswer } from './user-answer.ts';

export interface ActivateUserRoute {
  readonly activateUser: ActivateUser;
  readonly guard: BasicGuard;
  readonly limits: ClientIpLimits;
  readonly codeLength: number;
}

export function activateUserRoute(http: Http, { activateUser, guard, limits, codeLength }: ActivateUserRoute): void {
  const Body = named(
    'Activation',
    StrictObject(
      { code: Type.String({ pattern: `^[0-9]{${codeLength}}$`, description: `The ${codeLength} digits of the newest mail.` }) },
      { examples: [{ code: '1234567890'.slice(0, codeLength) }] },
    ),
  );
  http.post(
    '/v1/users/activation',
    {
      config: { access: 'basic' },
      onRequest: guard.onRequest,
      schema: {
        tags: ['users'],
        operationId: 'activateUser',
        summary: 'Activate an account with the code of its mail',
        description:
          'Checked in this order: credentials, `already_active`, `code_attempts_exhausted`, `code_expired`, `code_invalid`. A code lives one minute from the moment its mail leaves, and takes three tries.',
        security: [{ basic: [] }],
        body: Body,
        response: {
          200: Answer('The account, active.', UserAnswer, 'ETag'),
          ...problems(
            errors,
            'credentials_required',
            'invalid_credentials',
            'account_blocked',
            'already_active',
            'code_attempts_exhausted',
            'too_many_attempts',
            'code_expired',
            'code_invalid',
            'hashing_busy',
            'codes_unavailable',
          ),
        },
      },
    },
    async (request, reply) => {
      const account = guard.accountOf(request);
      const { code } = request.body;
      return withETag(reply, await limits.countFailure(request, reply, account.id, () => activateUser(account, code)));
    },
  );
}
