import { createMetrics, type Seeding } from '@stoa/service';
import { hasherOf } from '../config.ts';
import { createPasswords } from '../infrastructure/passwords/passwords.ts';
import { seedUsers } from '../infrastructure/seed-users.ts';
import type { AdministrationDeps } from './administration.ts';

/** Of every seeded account, for whoever tries something out. */
const PASSWORD = 'a password for trying out';

/** `stoa seed --users N`. */
export async function seed({ config, database, log, clock }: AdministrationDeps, seeding: Seeding): Promise<string> {
  const passwords = createPasswords({ hasher: hasherOf(config), maxWaiting: config.HASH_QUEUE_MAX, metrics: createMetrics(), log });
  const passwordHash = await passwords.hash(PASSWORD, new AbortController().signal);
  const email = await seedUsers(database, { ...seeding, passwordHash, now: clock.now() });
  return `Each account has the password "${PASSWORD}"; one is ${email}`;
}
