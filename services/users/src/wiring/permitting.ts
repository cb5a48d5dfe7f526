import { createManageRoles } from '../application/manage-roles.ts';
import { createManageServiceAccounts } from '../application/manage-service-accounts.ts';
import { createApiKeys } from '../infrastructure/api-keys.ts';
import { createPgAuditLog } from '../infrastructure/audit.view.ts';
import { createPgRoleReader } from '../infrastructure/pg-own-roles.ts';
import { createPgServiceAccountReader } from '../infrastructure/pg-service-accounts.ts';
import { auditRoutes } from '../presentation/audit.routes.ts';
import { rolesRoutes } from '../presentation/roles.routes.ts';
import { serviceAccountsRoutes } from '../presentation/service-accounts.routes.ts';
import type { Kit } from './kit.ts';

/** Who may do what, and who did it: roles, service accounts, the audit log. */
export function addPermitting({ http, database, inTransaction, cursors, clock, derive }: Kit): void {
  const manageRoles = createManageRoles({ inTransaction, clock });
  const manageServiceAccounts = createManageServiceAccounts({ inTransaction, apiKeys: createApiKeys(derive), clock });

  rolesRoutes(http, { roles: createPgRoleReader(database.query), manageRoles, cursors });
  serviceAccountsRoutes(http, { serviceAccounts: createPgServiceAccountReader(database.query), manageServiceAccounts, cursors, clock });
  auditRoutes(http, { auditLog: createPgAuditLog(database.query), cursors });
}
