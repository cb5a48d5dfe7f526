/** Access tokens are short-lived: the feed announces those that end earlier. */
export const ACCESS_TOKEN_SECONDS = 300;
/** In which the token before gives the same successor again: its answer may have been lost. */
export const REFRESH_GRACE_MS = 10_000;

/** Why a session ended, for its person and the audit log. */
export type SessionEnd = 'logged-out' | 'replaced' | 'refresh-token-reused' | 'password-changed' | 'blocked' | 'ended-by-admin';

/** One log-in on one device, for as long as its refresh token is rotated. */
export interface Session {
  readonly id: string;
  readonly userId: string;
  /** Of its refresh token: 1 for the first. */
  readonly generation: number;
  readonly createdAt: Date;
  readonly refreshedAt: Date;
  /** When it ends by itself if it is not used. */
  readonly idleExpiresAt: Date;
  /** When it ends in any case. */
  readonly expiresAt: Date;
  readonly endedAt: Date | null;
  readonly clientIp: string | null;
  /** What the client called itself. */
  readonly device: string;
}

export interface SessionLife {
  readonly idleMs: number;
  readonly longestMs: number;
}

const MAX_DEVICE_LENGTH = 200;

export const newSession = (
  id: string,
  userId: string,
  { clientIp, device }: { clientIp: string | null; device: string },
  { idleMs, longestMs }: SessionLife,
  now: Date,
): Session => ({
  id,
  userId,
  generation: 1,
  createdAt: now,
  refreshedAt: now,
  idleExpiresAt: new Date(now.getTime() + Math.min(idleMs, longestMs)),
  expiresAt: new Date(now.getTime() + longestMs),
  endedAt: null,
  clientIp,
  device: device.slice(0, MAX_DEVICE_LENGTH),
});

export const isLive = ({ endedAt, idleExpiresAt, expiresAt }: Session, now: Date): boolean =>
  endedAt === null && idleExpiresAt > now && expiresAt > now;
