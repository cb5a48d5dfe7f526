import type { Clock } from '@stoa/service';
import { isLive, REFRESH_GRACE_MS } from '../domain/session.ts';
import { errors } from '../errors.ts';
import type { Tokens } from './log-in.ts';
import type { InTransaction } from './ports.ts';
import type { AccessTokens, PresentedToken, RefreshTokens, SessionStore } from './session-ports.ts';

export interface RefreshSessionPorts {
  readonly sessions: SessionStore;
  readonly refreshTokens: RefreshTokens;
  readonly accessTokens: AccessTokens;
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
  readonly idleMs: number;
}

export type RefreshSession = (refreshToken: string) => Promise<Tokens>;

/**
 * Exchanges a refresh token for the next pair. The previous one gives the same successor for ten seconds, as an answer may be
 * lost; any other old one was stolen, or a thief used it first: the session ends.
 * @throws 401 `refresh_token_invalid`, `refresh_token_reused`.
 */
export function createRefreshSession(ports: RefreshSessionPorts): RefreshSession {
  const { sessions, refreshTokens, accessTokens, inTransaction, clock, idleMs } = ports;
  return async (refreshToken) => {
    const presented = refreshTokens.read(refreshToken);
    if (presented === undefined) throw errors.refresh_token_invalid();
    const now = clock.now();
    const user = (await sessions.rotate(presented, now, idleMs)) ?? (await again(presented, now));
    return { accessToken: await accessTokens.issue(user, presented.sessionId, now), refreshToken: presented.successor.token, user };
  };

  /** A token that is not the newest one of a live session. */
  async function again(presented: PresentedToken, now: Date) {
    const found = await sessions.find(presented.sessionId);
    if (found === undefined || !isLive(found.session, now) || found.user.status !== 'active') throw errors.refresh_token_invalid();
    const { session, user, previousDigest } = found;
    const isBefore = previousDigest?.equals(presented.digest) === true;
    if (isBefore && now.getTime() - session.refreshedAt.getTime() <= REFRESH_GRACE_MS) return user;
    await inTransaction(async (tx) => {
      const ended = await tx.sessions.end(session.id, user.id, 'refresh-token-reused', now);
      if (!ended) return;
      const by = { actor: 'anonymous', subject: user.id, at: now } as const;
      await tx.audit.append({ action: 'refresh-token-reused', ...by, details: { session: session.id, generation: presented.generation } });
    });
    throw errors.refresh_token_reused();
  }
}
