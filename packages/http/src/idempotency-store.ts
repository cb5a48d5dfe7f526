/** A request that wants to be the first with its key. */
export interface IdempotencyClaim {
  /** Digest of the scope and the key. */
  readonly key: Buffer;
  /** Digest of what is asked. */
  readonly request: Buffer;
  /** UUID of this try: only it may finish or give up the claim. */
  readonly owner: string;
  /** UUID of the resource that the request creates, if it is the first. */
  readonly reservedResourceId: string;
  readonly now: Date;
  /** From then on the try counts as dead, and the next one with the same request takes the key over. */
  readonly leaseUntil: Date;
  /** From then on the key is unknown, answered or not. */
  readonly expiresAt: Date;
}

export type IdempotencyFound =
  /** `reservedResourceId` is that of the first try where one died or failed. */
  | { readonly state: 'claimed'; readonly reservedResourceId: string }
  | { readonly state: 'running' | 'other-request' }
  | { readonly state: 'answered'; readonly answer: Buffer };

/** Keeps keys and first answers, for everything that shares the store. `createPgIdempotency` of `@stoa/kit` is one. */
export interface IdempotencyStore {
  /** Of any number of parallel claims of one key exactly one is `claimed`. */
  begin(claim: IdempotencyClaim): Promise<IdempotencyFound>;
  /** Keeps the answer. Nothing happens when another try took the key over meanwhile. */
  finish(key: Buffer, owner: string, answer: Buffer): Promise<void>;
  /**
   * Ends the lease, unless the key is answered or another's: the next try of the same request takes it over. It stays the key of that
   * request, and what that makes keeps its id: nobody knows what a try that failed has done before.
   */
  giveUp(key: Buffer, owner: string, now: Date): Promise<void>;
}

/** Refusals that come from elsewhere than from the request: they may be gone with the next try. */
const PASSING = new Set([401, 403, 408, 429]);

/** Whether an answer of this status is given again to the `Idempotency-Key` of its request. */
export const isKept = (status: number): boolean => status < 500 && !PASSING.has(status);
