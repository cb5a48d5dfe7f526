import { createLog, type Environment, loadConfig } from '@stoa/service';
import { createUsersAdministration, users as definition } from '../index.ts';
import type { UsersUnderTest } from './users-under-test.ts';

/** What a command stands on: neither service, messaging nor identity of its own runs. */
export function administrationOf({ database, clock, derive }: UsersUnderTest, environment: Environment = {}) {
  const config = { ...loadConfig(definition.config, environment), BCRYPT_COST: 4 };
  return createUsersAdministration({ config, database, clock, derive, log: createLog({ level: 'silent' }) });
}
