import { createUserList } from '../infrastructure/user-list.view.ts';
import { createReadProfile } from '../infrastructure/user-profile.view.ts';
import { readUsersRoutes } from '../presentation/read-users.routes.ts';
import type { Kit } from './kit.ts';

/** Reading accounts. */
export function addReading({ http, database, cursors }: Kit): void {
  readUsersRoutes(http, { readProfile: createReadProfile(database.query), listUsers: createUserList(database.query), cursors });
}
