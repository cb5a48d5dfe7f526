import { createLogIn } from '../application/log-in.ts';
import { createLogOut } from '../application/log-out.ts';
import { createRefreshSession } from '../application/refresh-session.ts';
import { createUpgradeHash } from '../application/upgrade-hash.ts';
import { createPgSessionStore } from '../infrastructure/pg-sessions.ts';
import { createRefreshTokens } from '../infrastructure/refresh-tokens.ts';
import { identityRoutes } from '../presentation/identity.routes.ts';
import { logInRoute } from '../presentation/log-in.route.ts';
import { sessionsRoutes } from '../presentation/sessions.routes.ts';
import type { Kit } from './kit.ts';

const DAY_MS = 86_400_000;

/** Who is logged in, and how everybody else learns of it. */
export function addSessions({
  config,
  http,
  database,
  passwords,
  log,
  inTransaction,
  authenticator,
  limits,
  cursors,
  feed,
  signingKeys,
  clock,
  derive,
}: Kit): void {
  const life = { idleMs: config.SESSION_IDLE_DAYS * DAY_MS, longestMs: config.SESSION_MAX_DAYS * DAY_MS };
  const refreshTokens = createRefreshTokens(derive);
  const sessions = createPgSessionStore(database.query);
  const issuing = { inTransaction, accessTokens: signingKeys, refreshTokens, clock };
  const logIn = createLogIn({
    ...issuing,
    authenticator,
    life,
    maxSessions: config.SESSION_POLICY === 'single' ? 1 : config.SESSIONS_PER_USER_MAX,
    newDeviceNotice: config.NEW_DEVICE_NOTICE === 'on',
    upgradeHash: createUpgradeHash({ passwords, inTransaction, log }),
  });
  const refreshSession = createRefreshSession({ ...issuing, sessions, idleMs: life.idleMs });
  const logOut = createLogOut({ inTransaction, clock });

  identityRoutes(http, feed);
  logInRoute(http, { authenticator, logIn, limits });
  sessionsRoutes(http, { refreshSession, sessions, logOut, cursors, clock });
}
