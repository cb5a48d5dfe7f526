import type { Heartbeats } from '../instance.ts';

/** In the proportions of our own, so that a test need not wait so long; slow enough for a busy machine. */
export const FAST_HEARTBEATS: Heartbeats = { everyMs: 500, deadAfterMs: 4_000, deadWithoutLockMs: 1_500 };
