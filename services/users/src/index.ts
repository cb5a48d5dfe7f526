import { problems } from '@stoa/http';
import { type Broker, createMessaging, installDeadLetterRoutes } from '@stoa/messaging';
import type { Service, ServiceDefinition } from '@stoa/service';
import type { Transaction } from 'kysely';
import { usersConfig } from './config.ts';
import type { UsersSchema } from './infrastructure/tables.ts';
import { createUsersTx } from './infrastructure/users-tx.ts';
import { accountPagesRoutes } from './presentation/pages/account-pages.routes.ts';
import { addAccountLinks, createPasswordResetJob } from './wiring/account-links.ts';
import { addAdministering } from './wiring/administering.ts';
import { createCleanUp } from './wiring/clean-up.ts';
import { createKit, type KitDeps } from './wiring/kit.ts';
import { addPermitting } from './wiring/permitting.ts';
import { addReading } from './wiring/reading.ts';
import { addRegistration } from './wiring/registration.ts';
import { seed } from './wiring/seed.ts';
import { addSessions } from './wiring/sessions.ts';
import { addSetUp } from './wiring/set-up.ts';
import { createTelling } from './wiring/telling.ts';

export interface UsersDeps extends KitDeps {
  readonly broker: Broker;
  readonly instanceId: string;
  /** Whether this process relays and does its jobs, or only answers. */
  readonly runsBackgroundWork: boolean;
}

export { createUsersAdministration, type UsersAdministration } from './wiring/administration.ts';

/** Accounts: who there is, whose address is proven, and who has access. */
export const users: ServiceDefinition<UsersDeps, typeof usersConfig> = {
  name: 'users',
  config: usersConfig,
  migrations: new URL('../migrations/', import.meta.url),
  create: createUsers,
  seed,
};

async function createUsers({ broker, instanceId, runsBackgroundWork, ...deps }: UsersDeps): Promise<Service> {
  const { config, database, log, metrics, clock } = deps;
  const usersTx = (tx: Transaction<UsersSchema>) => createUsersTx(tx, messaging);
  const cleanUp = createCleanUp({ config, clock, usersTx });
  const telling = createTelling({ usersTx });
  const messaging = createMessaging<UsersSchema>({
    service: 'users',
    database,
    broker,
    log,
    metrics,
    consumers: telling.consumers,
    jobs: [cleanUp, createPasswordResetJob({ clock, usersTx }), ...telling.jobs],
    crons: [{ job: cleanUp.name, everySeconds: 60 }],
    instanceId,
    runsBackgroundWork,
  });
  const health = async () => (await Promise.all([database.health(), messaging.health()])).flat();
  const kit = await createKit(deps, messaging, health);

  addRegistration(kit);
  addSessions(kit);
  addReading(kit);
  addAdministering(kit);
  addPermitting(kit);
  addAccountLinks(kit);
  addSetUp(kit);
  accountPagesRoutes(kit.http);
  installDeadLetterRoutes(kit.http, messaging.deadLetters, problems);

  const start = async () => {
    await kit.signingKeys.ensure();
    await messaging.start();
  };
  return { name: 'users', http: kit.http, start, stop: messaging.stop, health };
}
