export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * The wait before the next try, in milliseconds: doubles with each failure up to the longest, and is drawn from its upper half so
 * that what failed together does not come back together.
 */
export function backoffMs({ firstMs, longestMs }: Backoff, failures: number): number {
  const full = Math.min(firstMs * 2 ** (failures - 1), longestMs);
  return Math.round(full * (0.5 + Math.random() / 2));
}
