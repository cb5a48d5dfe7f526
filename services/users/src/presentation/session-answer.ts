import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { Tokens } from '../application/log-in.ts';
import { ACCESS_TOKEN_SECONDS } from '../domain/session.ts';
import { UserAnswer } from './user-answer.ts';

/** By RFC 6749 §5.1, in camel case, with the account. */
export const TokensAnswer = named(
  'TokenPair',
  Type.Object({
    accessToken: Type.String({ description: 'For `Authorization: Bearer …`.' }),
    refreshToken: Type.String({ description: 'For one `POST /v1/sessions/refresh`. To be kept like a password.', examples: ['stoa_rt_…'] }),
    tokenType: Type.Literal('Bearer'),
    expiresIn: Type.Integer({ description: 'Seconds that the access token is good for.', examples: [ACCESS_TOKEN_SECONDS] }),
    user: UserAnswer,
  }),
);

export const toTokensAnswer = ({ accessToken, refreshToken, user }: Tokens) => ({
  accessToken,
  refreshToken,
  tokenType: 'Bearer' as const,
  expiresIn: ACCESS_TOKEN_SECONDS,
  user,
});
