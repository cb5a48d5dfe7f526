import type { Clock } from '@stoa/service';
import { mayBeMinted } from '../domain/activation.ts';
import { errors } from '../errors.ts';
import type { UserReader } from './account-ports.ts';
import type { CodeMaker, Codes } from './credential-ports.ts';

export interface MintActivationCodePorts {
  readonly users: UserReader;
  readonly codes: Codes;
  readonly codeMaker: CodeMaker;
  readonly clock: Clock;
  readonly codeLifeSeconds: number;
}

export interface MintedCode {
  readonly code: string;
  readonly expiresInSeconds: number;
}

export type MintActivationCode = (requestId: string) => Promise<MintedCode>;

/**
 * Makes the code of a request at the moment its mail leaves, which starts its life. Asked again, as after a mail that
 * failed, it gives the same code and starts its life anew; the tries stay spent.
 * @throws 410 `activation_request_gone`; 503 `codes_unavailable`.
 */
export const createMintActivationCode =
  ({ users, codes, codeMaker, clock, codeLifeSeconds }: MintActivationCodePorts): MintActivationCode =>
  async (requestId) => {
    const found = await users.findRequest(requestId);
    const now = clock.now();
    if (found === undefined || !mayBeMinted(found.request, found.user, found.newest, now)) throw errors.activation_request_gone();
    const { code, digest } = codeMaker.make(requestId, found.user.email);
    const expiresAt = new Date(now.getTime() + codeLifeSeconds * 1_000);
    const kept = await codes.keep({ userId: found.user.id, requestId, requestNumber: found.request.number, digest, expiresAt });
    if (!kept) throw errors.activation_request_gone();
    return { code, expiresInSeconds: codeLifeSeconds };
  };
