import { Answer, clientIpKey, type Http, problems, StrictObject } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { Authenticator } from '../application/authenticate.ts';
import type { LogIn } from '../application/log-in.ts';
import { errors } from '../errors.ts';
import type { ClientIpLimits } from './client-ip-limits.ts';
import { TokensAnswer, toTokensAnswer } from './session-answer.ts';

export interface LogInRoute {
  readonly authenticator: Authenticator;
  readonly logIn: LogIn;
  readonly limits: ClientIpLimits;
}

const Body = named(
  'LogIn',
  StrictObject(
    {
      identifier: Type.String({ minLength: 1, maxLength: 320, description: 'E-mail address, login or phone number, in any notation.' }),
      password: Type.String({ maxLength: 1_000 }),
    },
    { examples: [{ identifier: 'ada@example.com', password: 'analytical engine 1843' }] },
  ),
);

export function logInRoute(http: Http, { authenticator, logIn, limits }: LogInRoute): void {
  http.post(
    '/v1/sessions',
    {
      config: { access: 'anyone' },
      schema: {
        tags: ['sessions'],
        operationId: 'logIn',
        summary: 'Log in',
        description:
          'Begins a session; when the account has as many as it may have, 100 by default, the oldest ends. After ten wrong passwords for one account within fifteen minutes, a client IP is refused for that account; many for one account from everywhere make each answer slower, and never lock it.',
        body: Body,
        response: {
          201: Answer('The tokens of the session.', TokensAnswer),
          ...problems(errors, 'invalid_credentials', 'not_activated', 'account_blocked', 'too_many_attempts', 'hashing_busy'),
        },
      },
    },
    async (request, reply) => {
      const { identifier, password } = request.body;
      const claimed = await authenticator.identify(identifier, 'any');
      const origin = { clientIp: clientIpKey(request.clientIp), device: deviceOf(request.headers['user-agent']) };
      return toTokensAnswer(await limits.countFailure(request, reply, claimed.key, (signal) => logIn(claimed, password, origin, signal)));
    },
  );
}

/** A header is Latin-1 to Node, and anybody's: what is no text is left out. */
const deviceOf = (userAgent: string | undefined): string => (userAgent ?? '').replaceAll(/\p{Cc}/gu, '').trim() || 'unknown';
