import type { User } from '../domain/user.ts';
import { errors, invalidCredentials } from '../errors.ts';

/**
 * The account, if it is still to be activated.
 * @throws 401 `invalid_credentials` when it was removed meanwhile; 403 `account_blocked`; 409 `already_active`.
 */
export function requirePending(user: User | undefined): User {
  switch (user?.status) {
    case 'pending':
      return user;
    case 'active':
      throw errors.already_active();
    case 'blocked':
      throw errors.account_blocked();
    case undefined:
      throw invalidCredentials();
  }
}
