import { createService, type ServiceDeps } from '@stoa/kit';
import type { ServiceDefinition } from '@stoa/service';
import { type UsersConfig, usersConfig } from './config.ts';
import { ownErrors } from './errors.ts';
import type { UsersTables } from './infrastructure/tables.ts';
import { permissionRoutes, sessionRoutes } from './wiring/access.ts';
import { accountLinksRoutes, administrationRoutes, registrationRoutes, setUpRoutes } from './wiring/accounts.ts';
import { seed } from './wiring/administration.ts';
import { background } from './wiring/background.ts';
import { createUsersContext } from './wiring/context.ts';

export { createUsersAdministration, type UsersAdministration } from './wiring/administration.ts';

const description = {
  name: 'users',
  title: 'Stoa users',
  description: 'Accounts.',
  version: '1',
  errors: ownErrors,
  // In the order in which /docs shows them.
  tags: {
    users: 'Accounts: registration, activation, one’s own profile and password, and what administrators do with them.',
    sessions: 'Log in, refresh, see where you are logged in, log out.',
    roles: 'Roles, and the permissions that each one has.',
    'service accounts': 'Other back ends, and their API keys.',
    audit: 'Who did what to whom, and when.',
  },
};

/** Accounts: who there is, whose address is proven, and who has access. */
export const users: ServiceDefinition<ServiceDeps<UsersConfig, UsersTables>, typeof usersConfig> = {
  name: description.name,
  config: usersConfig,
  permissions: [
    'users:create',
    'users:read',
    'users:update',
    'users:delete',
    'users:block',
    'roles:read',
    'roles:write',
    'service-accounts:read',
    'service-accounts:write',
    'audit:read',
  ],
  migrations: new URL('../migrations/', import.meta.url),
  deployment: {
    api: { note: 'answers requests and grows with the load: hashing passwords is the work.' },
    worker: { note: 'relays, handles and cleans up. Two, as one does while the other is replaced.' },
  },
  seed,
  create: (deps) =>
    createService(deps, description, (service) => {
      const context = createUsersContext(service);
      return {
        ...background(context),
        parts: [{ start: context.signingKeys.ensure }],
        routes(http) {
          registrationRoutes(http, context);
          sessionRoutes(http, context);
          administrationRoutes(http, context);
          permissionRoutes(http, context);
          accountLinksRoutes(http, context);
          setUpRoutes(http, context);
        },
      };
    }),
};
