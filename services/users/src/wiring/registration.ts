import { createActivateUser } from '../application/activate-user.ts';
import { createMintActivationCode } from '../application/mint-activation-code.ts';
import { createRegisterUser } from '../application/register-user.ts';
import { createRequestActivationCode } from '../application/request-activation-code.ts';
import { createCommonPasswords } from '../infrastructure/common-passwords.ts';
import { createHmacCodes } from '../infrastructure/hmac-codes.ts';
import { createKeyedMutex } from '../infrastructure/keyed-mutex.ts';
import { createPgCodes } from '../infrastructure/pg-codes.ts';
import { createRedisCodes } from '../infrastructure/redis-codes.ts';
import { activateUserRoute } from '../presentation/activate-user.route.ts';
import { createBasicGuard } from '../presentation/basic-guard.ts';
import { mintActivationCodeRoute } from '../presentation/mint-activation-code.route.ts';
import { registerUserRoute } from '../presentation/register-user.route.ts';
import { requestActivationCodeRoute } from '../presentation/request-activation-code.route.ts';
import type { Kit } from './kit.ts';

const HOUR_MS = 3_600_000;

/** From nobody to an active account: registration, codes, activation. */
export function addRegistration({
  config,
  http,
  database,
  redis,
  users,
  passwords,
  inTransaction,
  authenticator,
  limits,
  rules,
  clock,
  derive,
}: Kit): void {
  const codes = redis ? createRedisCodes(redis, { keptMs: config.PENDING_USER_TTL_HOURS * HOUR_MS }) : createPgCodes(database.query);
  const codeMaker = createHmacCodes(derive, config.CODE_LENGTH);
  const guard = createBasicGuard(authenticator, limits);
  const registerUser = createRegisterUser({
    users,
    passwords,
    inTransaction,
    clock,
    keyedMutex: createKeyedMutex(),
    commonPasswords: createCommonPasswords(),
    defaultRegion: config.PHONE_DEFAULT_REGION,
  });
  const activateUser = createActivateUser({ users, codes, codeMaker, inTransaction, clock });
  const requestActivationCode = createRequestActivationCode({ inTransaction, clock });
  const mintActivationCode = createMintActivationCode({ users, codes, codeMaker, clock, codeLifeSeconds: config.CODE_TTL_SECONDS });

  registerUserRoute(http, { registerUser, limits, rules, passwordLimit: passwords.limit });
  activateUserRoute(http, { activateUser, guard, limits, codeLength: config.CODE_LENGTH });
  requestActivationCodeRoute(http, { requestActivationCode, guard, limits });
  mintActivationCodeRoute(http, mintActivationCode);
}
