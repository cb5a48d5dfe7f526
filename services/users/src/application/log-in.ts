import { accountNoticeRequested } from '@stoa/contracts';
import { AppError, type Clock, uuidv7 } from '@stoa/service';
import { newSession, type Session, type SessionLife } from '../domain/session.ts';
import type { User } from '../domain/user.ts';
import { errors, invalidCredentials } from '../errors.ts';
import type { Authenticator, Claimed } from './authenticate.ts';
import type { InTransaction, UsersTx } from './ports.ts';
import type { AccessTokens, RefreshTokens } from './session-ports.ts';
import type { UpgradeHash } from './upgrade-hash.ts';

export interface LogInPorts {
  readonly authenticator: Authenticator;
  readonly inTransaction: InTransaction;
  readonly accessTokens: AccessTokens;
  readonly refreshTokens: RefreshTokens;
  readonly clock: Clock;
  readonly life: SessionLife;
  /** Live sessions that an account may have: a log-in ends the oldest of more. */
  readonly maxSessions: number;
  readonly newDeviceNotice: boolean;
  readonly upgradeHash: UpgradeHash;
}

/** Where a log-in comes from. */
export interface Origin {
  readonly clientIp: string | null;
  /** What the client calls itself. */
  readonly device: string;
}

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly user: User;
}

export type LogIn = (claimed: Claimed, password: string, origin: Origin, signal: AbortSignal) => Promise<Tokens>;

/**
 * Begins a session. Whether the account may have one is decided under the lock of its row, so that no log-in slips past a
 * block, a deletion or a new password.
 * @throws 401 `invalid_credentials`; 403 `not_activated`, `account_blocked`, only with the right password; 503 `hashing_busy`.
 */
export function createLogIn(ports: LogInPorts): LogIn {
  const { authenticator, inTransaction, accessTokens, refreshTokens, clock, life, maxSessions, newDeviceNotice, upgradeHash } = ports;
  return async (claimed, password, origin, signal) => {
    const { user, passwordHash, passwordVersion } = await authenticator.verify(claimed, password, signal);
    const now = clock.now();
    const session = newSession(uuidv7(now.getTime()), user.id, origin, life, now);
    const refresh = refreshTokens.first(session.id);
    const begin = inTransaction(async (tx) => {
      const current = await tx.users.lockAccount(user.id);
      // The account has got another password, or is gone: what was right is no longer right.
      if (current?.passwordVersion !== passwordVersion) throw invalidCredentials();
      const account = requireActive(current.user);
      if (newDeviceNotice) await noticeNewDevice(tx, account, session);
      const ended = await tx.sessions.endOldest(account.id, 'replaced', now, maxSessions - 1);
      await tx.sessions.insert(session, refresh.digest);
      const by = { actor: `user:${user.id}`, subject: user.id, at: now } as const;
      await tx.audit.append({ action: 'logged-in', ...by, details: { session: session.id } });
      if (ended > 0) await tx.audit.append({ action: 'sessions-replaced', ...by, details: { sessions: ended } });
      return account;
    });
    const active = await begin.catch((error) => refuse(error, user.id, now));
    await upgradeHash(user.id, password, passwordHash as string, signal);
    return { accessToken: await accessTokens.issue(active, session.id, now), refreshToken: refresh.token, user: active };
  };

  /** With the right password: the reason for the refusal is audited. */
  async function refuse(error: unknown, subject: string, at: Date): Promise<never> {
    const reason = error instanceof AppError && REFUSALS.has(error.code) ? error.code : undefined;
    if (reason !== undefined) {
      await inTransaction((tx) => tx.audit.append({ action: 'log-in-failed', actor: 'anonymous', subject, at, details: { reason } }));
    }
    throw error;
  }
}

const REFUSALS: ReadonlySet<string> = new Set(['not_activated', 'account_blocked'] satisfies (keyof typeof errors.catalogue)[]);

function requireActive(user: User): User {
  switch (user.status) {
    case 'active':
      return user;
    case 'pending':
      throw errors.not_activated();
    case 'blocked':
      throw errors.account_blocked();
  }
}

/** The first device of an account needs no notice. */
async function noticeNewDevice(tx: UsersTx, user: User, { device, clientIp, createdAt }: Session): Promise<void> {
  if ((await tx.sessions.knowsDevice(user.id, device)) !== false) return;
  await tx.outbox.append(accountNoticeRequested, {
    userId: user.id,
    email: user.email,
    fullName: user.fullName,
    notice: 'new-device',
    occurredAt: createdAt.toISOString(),
    newEmail: null,
    address: clientIp,
    device,
  });
}
