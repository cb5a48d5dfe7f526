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
