import { createBlockUser } from '../application/block-user.ts';
import { createChangeUser } from '../application/change-user.ts';
import { createDeleteUser } from '../application/delete-user.ts';
import { createSetRoles } from '../application/set-roles.ts';
import { administerUsersRoutes } from '../presentation/administer-users.routes.ts';
import type { Kit } from './kit.ts';

/** What is done to accounts by those who may. */
export function addAdministering({ http, config, inTransaction, rules, clock }: Kit): void {
  administerUsersRoutes(http, {
    changeUser: createChangeUser({ inTransaction, clock, defaultRegion: config.PHONE_DEFAULT_REGION }),
    deleteUser: createDeleteUser({ inTransaction, clock }),
    blockUser: createBlockUser({ inTransaction, clock }),
    setRoles: createSetRoles({ inTransaction, clock }),
    rules,
  });
}
