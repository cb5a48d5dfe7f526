import type { Http } from '@stoa/http';
import { createLogIn } from '../application/log-in.ts';
import { createLogOut } from '../application/log-out.ts';
import { createManageRoles } from '../application/manage-roles.ts';
import { createManageServiceAccounts } from '../application/manage-service-accounts.ts';
import { createRefreshSession } from '../application/refresh-session.ts';
import { createUpgradeHash } from '../application/upgrade-hash.ts';
import { createApiKeys } from '../infrastructure/api-keys.ts';
import { createPgAuditLog } from '../infrastructure/audit.view.ts';
import { createPgRoleReader } from '../infrastructure/pg-own-roles.ts';
import { createPgServiceAccountReader } from '../infrastructure/pg-service-accounts.ts';
import { createPgSessionStore } from '../infrastructure/pg-sessions.ts';
import { createRefreshTokens } from '../infrastructure/refresh-tokens.ts';
import { auditRoutes } from '../presentation/audit.routes.ts';
import { identityRoutes } from '../presentation/identity.routes.ts';
import { logInRoute } from '../presentation/log-in.route.ts';
import { rolesRoutes } from '../presentation/roles.routes.ts';
import { serviceAccountsRoutes } from '../presentation/service-accounts.routes.ts';
import { sessionsRoutes } from '../presentation/sessions.routes.ts';
import type { UsersContext } from './context.ts';

const DAY_MS = 86_400_000;

/** Who is logged in, and how every process learns of it. */
export function sessionRoutes(http: Http, context: UsersContext): void {
  const { config, database, passwords, log, inTransaction, authenticator, limits, cursors, feed, signingKeys, clock, derive } = context;
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

  identityRoutes(http, feed);
  logInRoute(http, { authenticator, logIn, limits });
  sessionsRoutes(http, { refreshSession, sessions, logOut: createLogOut({ inTransaction, clock }), cursors, clock });
}

/** Who may do what, and who did it: roles, service accounts, the audit log. */
export function permissionRoutes(http: Http, { database, inTransaction, cursors, clock, derive }: UsersContext): void {
  const manageRoles = createManageRoles({ inTransaction, clock });
  const manageServiceAccounts = createManageServiceAccounts({ inTransaction, apiKeys: createApiKeys(derive), clock });

  rolesRoutes(http, { roles: createPgRoleReader(database.query), manageRoles, cursors });
  serviceAccountsRoutes(http, { serviceAccounts: createPgServiceAccountReader(database.query), manageServiceAccounts, cursors, clock });
  auditRoutes(http, { auditLog: createPgAuditLog(database.query), cursors });
}
