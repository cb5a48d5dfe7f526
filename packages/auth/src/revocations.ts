import type { AccessClaims } from './access-tokens.ts';
import type { Revocation } from './identity-feed.ts';

interface Ended {
  readonly expiresAt: number;
}

/** The sessions and token versions that are dead, each kept for as long as a token of it could live. */
export function createRevocations() {
  const sessions = new Map<string, Ended>();
  const users = new Map<string, Ended & { readonly version: number }>();
  const entries = [sessions, users] as const;

  const forget = (now: number) => {
    for (const map of entries) for (const [id, { expiresAt }] of map) if (expiresAt <= now) map.delete(id);
  };

  return {
    /** May be given the same ones again. */
    add(revocations: readonly Revocation[], now: Date): void {
      for (const revocation of revocations) {
        const { id, expiresAt } = revocation;
        if (revocation.kind === 'session') sessions.set(id, { expiresAt });
        else {
          const version = Math.max(revocation.version, users.get(id)?.version ?? 0);
          users.set(id, { version, expiresAt: Math.max(expiresAt, users.get(id)?.expiresAt ?? 0) });
        }
      }
      forget(now.getTime());
    },
    /** Whether a token with these claims is dead. */
    cover: ({ subject, sessionId, version }: AccessClaims): boolean =>
      sessions.has(sessionId) || version < (users.get(subject)?.version ?? 0),
  };
}
