import type { IdentityAnswer, IdentityQuestion, PublicKey } from '@stoa/auth';

/** What every process of the system has to know of who has access; see `identity-feed.ts` of @stoa/auth. */
export interface IdentityFeed {
  /** Waits for news, up to the time that a question is held; at most until the signal. */
  answer(question: IdentityQuestion, signal: AbortSignal): Promise<IdentityAnswer>;
  /** Something has changed: the questions that wait look at once. */
  wake(): void;
  /** The public keys, for others. */
  keys(): Promise<readonly PublicKey[]>;
}
