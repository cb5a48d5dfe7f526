/** An answer as it is kept: what differs from request to request is not in it. */
export interface StoredAnswer {
  /** When its fetch began, in milliseconds since 1970: its age counts from then. */
  readonly madeAt: number;
  /** When it is too old, the same way. */
  readonly expiresAt: number;
  /** With an `etag`, and the length. Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
}

/** Says that answers of this path differ by these request headers, and are kept under their values. */
export interface VaryMark {
  readonly vary: readonly string[];
  readonly expiresAt: number;
}

export type Stored = StoredAnswer | VaryMark;

export const isMark = (stored: Stored): stored is VaryMark => 'vary' in stored;

/** Where something is kept, and what its truth depends on. */
export interface CacheKey {
  readonly key: string;
  /** Each ends what is kept under it when it is invalidated. The first one is the route's. */
  readonly tags: readonly string[];
}

/** What was there when it was looked for. */
export interface Finding {
  readonly found: Stored | undefined;
  /**
   * Keeps what was fetched since, here or at another variant of the place. It is dropped when one of the tags was invalidated after the
   * finding: the fetch may have read what was before.
   * @returns false when it is known to be dropped.
   */
  keep(stored: Stored, at?: CacheKey): boolean;
}

/** A level of the cache. It may lose anything at any time, but never gives what was invalidated before it was asked. Nothing here throws. */
export interface CacheStore<Found extends Finding | Promise<Finding> = Finding | Promise<Finding>> {
  find(place: CacheKey): Found;
  invalidate(tags: readonly string[]): void;
  /** Invalidates everything. */
  clear(): void;
}
