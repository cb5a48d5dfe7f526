/** Refusals that come from elsewhere than from the request: they may be gone with the next try. */
const PASSING = new Set([401, 403, 408, 429]);

/** Whether an answer of this status is given again to the `Idempotency-Key` of its request. */
export const isKept = (status: number): boolean => status < 500 && !PASSING.has(status);
