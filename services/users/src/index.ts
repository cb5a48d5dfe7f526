import { createHttp, createMemoryRateLimiter } from '@stoa/http';
import { type Broker, createMessaging, job } from '@stoa/messaging';
import type { Database } from '@stoa/postgres';
import type { Clock, DeriveKey, Logger, Metrics, Service, ServiceDefinition } from '@stoa/service';
import { Type } from 'typebox';
import { createActivateUser } from './application/activate-user.ts';
import { createAuthenticate } from './application/authenticate.ts';
import { createMintActivationCode } from './application/mint-activation-code.ts';
import type { InTransaction } from './application/ports.ts';
import { createRegisterUser } from './application/register-user.ts';
import { createRemovePendingUsers } from './application/remove-pending-users.ts';
import { createRequestActivationCode } from './application/request-activation-code.ts';
import { type UsersConfig, usersConfig } from './config.ts';
import { ownErrors } from './errors.ts';
import { createBcryptPasswords } from './infrastructure/bcrypt-passwords.ts';
import { createCommonPasswords } from './infrastructure/common-passwords.ts';
import { createHmacCodes } from './infrastructure/hmac-codes.ts';
import { createKeyedMutex } from './infrastructure/keyed-mutex.ts';
import { createPgCodes, removeOldCodes } from './infrastructure/pg-codes.ts';
import { createPgUserReader } from './infrastructure/pg-users.ts';
import type { UsersSchema } from './infrastructure/tables.ts';
import { createUsersTx } from './infrastructure/users-tx.ts';
import { activateUserRoute } from './presentation/activate-user.route.ts';
import { createAddressLimits } from './presentation/address-limits.ts';
import { createBasicGuard } from './presentation/basic-guard.ts';
import { mintActivationCodeRoute } from './presentation/mint-activation-code.route.ts';
import { registerUserRoute } from './presentation/register-user.route.ts';
import { requestActivationCodeRoute } from './presentation/request-activation-code.route.ts';

export interface UsersDeps {
  readonly config: UsersConfig;
  readonly database: Database<UsersSchema>;
  readonly broker: Broker;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly derive: DeriveKey;
  readonly instanceId: string;
}

/** Accounts: who there is, and whose address is proven. */
export const users: ServiceDefinition<UsersDeps, typeof usersConfig> = {
  name: 'users',
  config: usersConfig,
  migrations: new URL('../migrations/', import.meta.url),
  create: createUsers,
};

async function createUsers({ config, database, broker, log, metrics, clock, derive, instanceId }: UsersDeps): Promise<Service> {
  const pendingLifeMs = config.PENDING_USER_TTL_HOURS * 3_600_000;
  const removePendingUsers = createRemovePendingUsers({ clock, pendingLifeMs });
  const cleanUp = job({
    name: 'remove-pending-users',
    data: Type.Object({}, { additionalProperties: false }),
    async handle(tx) {
      await removePendingUsers(createUsersTx(tx, messaging.outbox));
      await removeOldCodes(tx, new Date(clock.now().getTime() - pendingLifeMs));
    },
  });
  const messaging = createMessaging<UsersSchema>({
    service: 'users',
    database,
    broker,
    log,
    metrics,
    consumers: [],
    jobs: [cleanUp],
    crons: [{ job: cleanUp.name, everySeconds: 60 }],
    instanceId,
  });
  const inTransaction: InTransaction = (work) => database.transaction((tx) => work(createUsersTx(tx, messaging.outbox)));
  const health = async () => [await database.health(), ...(await messaging.health())];

  const reader = createPgUserReader(database.query);
  const codes = createPgCodes(database.query);
  const codeMaker = createHmacCodes(derive, config.CODE_LENGTH);
  const passwords = createBcryptPasswords({ cost: config.BCRYPT_COST, maxWaiting: config.HASH_QUEUE_MAX, metrics });
  const registerUser = createRegisterUser({
    users: reader,
    passwords,
    inTransaction,
    clock,
    oneByOne: createKeyedMutex(),
    commonPasswords: createCommonPasswords(),
    defaultRegion: config.PHONE_DEFAULT_REGION,
  });
  const activateUser = createActivateUser({ users: reader, codes, codeMaker, inTransaction, clock });
  const requestActivationCode = createRequestActivationCode({ inTransaction, clock });
  const mintActivationCode = createMintActivationCode({ users: reader, codes, codeMaker, clock, codeLifeSeconds: config.CODE_TTL_SECONDS });

  const http = await createHttp({
    name: 'users',
    title: 'Stoa users',
    description: 'Accounts.',
    version: '1',
    log,
    metrics,
    errors: ownErrors,
    health,
  });
  const limits = createAddressLimits(createMemoryRateLimiter(clock), config);
  const guard = createBasicGuard(createAuthenticate({ users: reader, passwords }), limits);
  registerUserRoute(http, registerUser, limits);
  activateUserRoute(http, { activateUser, guard, limits, codeLength: config.CODE_LENGTH });
  requestActivationCodeRoute(http, { requestActivationCode, guard, limits });
  mintActivationCodeRoute(http, mintActivationCode, derive);

  return { name: 'users', http, start: messaging.start, stop: messaging.stop, health };
}
