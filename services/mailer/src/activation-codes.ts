import type { Caller } from '@stoa/http';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Code } from './render.ts';

/** Where codes are made; they exist from the moment their mail leaves. */
export interface ActivationCodes {
  /**
   * Makes the code of a request; the same request gives the same code.
   * @returns `gone` when the request is replaced, used, too old or its account deleted: nothing is to be sent.
   * @throws when users is away.
   */
  mint(requestId: string): Promise<Code | 'gone'>;
}

const Minted = Compile(Type.Object({ code: Type.String({ pattern: '^\\d{4,8}$' }), expiresInSeconds: Type.Integer({ minimum: 1 }) }));

/** The codes of the service `users`, asked for by an internal call. */
export function createUsersActivationCodes(call: Caller): ActivationCodes {
  return {
    async mint(requestId) {
      const { status, body } = await call('users', { method: 'POST', path: '/internal/activation-codes', body: { requestId } });
      if (status === 410) return 'gone';
      if (status !== 200 || !Minted.Check(body)) throw new Error(`users answered ${status} where a code was expected`);
      return body;
    },
  };
}
