import type { Http } from '@stoa/http';
import { createActivateUser } from '../application/activate-user.ts';
import { createBlockUser } from '../application/block-user.ts';
import { createChangePassword } from '../application/change-password.ts';
import { createChangeProfile } from '../application/change-profile.ts';
import { createChangeUser } from '../application/change-user.ts';
import { createConfirmEmail } from '../application/confirm-email.ts';
import { createConfirmPasswordReset } from '../application/confirm-password-reset.ts';
import { createDeleteUser } from '../application/delete-user.ts';
import { createMintAccountLink } from '../application/mint-account-link.ts';
import { createMintActivationCode } from '../application/mint-activation-code.ts';
import { createRegisterUser } from '../application/register-user.ts';
import { createRequestActivationCode } from '../application/request-activation-code.ts';
import { createRequestPasswordReset } from '../application/request-password-reset.ts';
import { createSetRoles } from '../application/set-roles.ts';
import { createSetUp } from '../application/set-up.ts';
import { createLinkTokens } from '../infrastructure/account-links.ts';
import { createHmacCodes } from '../infrastructure/hmac-codes.ts';
import { createKeyedMutex } from '../infrastructure/keyed-mutex.ts';
import { createPgLinkReader } from '../infrastructure/pg-account-links.ts';
import { createPgCodes } from '../infrastructure/pg-codes.ts';
import { createRedisCodes } from '../infrastructure/redis-codes.ts';
import { setUpCodeMaker } from '../infrastructure/set-up-codes.ts';
import { createUserList } from '../infrastructure/user-list.view.ts';
import { createReadProfile } from '../infrastructure/user-profile.view.ts';
import { activateUserRoute } from '../presentation/activate-user.route.ts';
import { administerUsersRoutes } from '../presentation/administer-users.routes.ts';
import { createBasicGuard } from '../presentation/basic-guard.ts';
import { changePasswordRoute } from '../presentation/change-password.route.ts';
import { changeProfileRoute } from '../presentation/change-profile.route.ts';
import { confirmEmailRoute } from '../presentation/confirm-email.route.ts';
import { mintAccountLinkRoute } from '../presentation/mint-account-link.route.ts';
import { mintActivationCodeRoute } from '../presentation/mint-activation-code.route.ts';
import { accountPagesRoutes } from '../presentation/pages/account-pages.routes.ts';
import { passwordResetsRoutes } from '../presentation/password-resets.routes.ts';
import { readUsersRoutes } from '../presentation/read-users.routes.ts';
import { registerUserRoute } from '../presentation/register-user.route.ts';
import { requestActivationCodeRoute } from '../presentation/request-activation-code.route.ts';
import { setUpRoute } from '../presentation/set-up.route.ts';
import type { UsersContext } from './context.ts';

const HOUR_MS = 3_600_000;

/** How an account becomes active: registration, codes, activation. */
export function registrationRoutes(http: Http, context: UsersContext): void {
  const { config, database, redis, users, passwords, inTransaction, authenticator, limits, rules, clock, derive } = context;
  const codes = redis ? createRedisCodes(redis, { keptMs: config.PENDING_USER_TTL_HOURS * HOUR_MS }) : createPgCodes(database.query);
  const codeMaker = createHmacCodes(derive, config.CODE_LENGTH);
  const guard = createBasicGuard(authenticator, limits);
  const registerUser = createRegisterUser({ ...context, keyedMutex: createKeyedMutex() });
  const activateUser = createActivateUser({ users, codes, codeMaker, inTransaction, clock });
  const requestActivationCode = createRequestActivationCode({ inTransaction, clock });
  const mintActivationCode = createMintActivationCode({ users, codes, codeMaker, clock, codeLifeSeconds: config.CODE_TTL_SECONDS });

  registerUserRoute(http, { registerUser, limits, rules, passwordLimit: passwords.limit });
  activateUserRoute(http, { activateUser, guard, limits, codeLength: config.CODE_LENGTH });
  requestActivationCodeRoute(http, { requestActivationCode, guard, limits });
  mintActivationCodeRoute(http, mintActivationCode);
}

/** What people do by mailed links, and what changes where links are mailed to: passwords, profile. */
export function accountLinksRoutes(http: Http, context: UsersContext): void {
  const { database, users, passwords, inTransaction, commonPasswords, limits, rules, clock, derive } = context;
  const linkTokens = createLinkTokens(derive);
  const redeeming = { linkTokens, linkReader: createPgLinkReader(database.query), inTransaction, clock };
  const confirming = { ...redeeming, passwords, keyedMutex: createKeyedMutex(), commonPasswords };

  mintAccountLinkRoute(http, createMintAccountLink({ linkTokens, inTransaction, clock }));
  passwordResetsRoutes(http, {
    requestPasswordReset: createRequestPasswordReset({ users, inTransaction, clock }),
    confirmPasswordReset: createConfirmPasswordReset(confirming),
    limits,
    rules,
  });
  changePasswordRoute(http, { changePassword: createChangePassword(context), limits, rules });
  changeProfileRoute(http, { changeProfile: createChangeProfile(context), rules });
  confirmEmailRoute(http, { confirmEmail: createConfirmEmail(redeeming), limits });
  accountPagesRoutes(http);
}

/** Reading accounts, and administering them. */
export function administrationRoutes(http: Http, { database, inTransaction, defaultRegion, cursors, rules, clock }: UsersContext): void {
  readUsersRoutes(http, { readProfile: createReadProfile(database.query), listUsers: createUserList(database.query), cursors });
  administerUsersRoutes(http, {
    changeUser: createChangeUser({ inTransaction, clock, defaultRegion }),
    deleteUser: createDeleteUser({ inTransaction, clock }),
    blockUser: createBlockUser({ inTransaction, clock }),
    setRoles: createSetRoles({ inTransaction, clock }),
    rules,
  });
}

/** The first administrator, by a code that was printed at a start. */
export function setUpRoutes(http: Http, context: UsersContext): void {
  const { limits, rules } = context;
  setUpRoute(http, { setUp: createSetUp({ ...context, codeMaker: setUpCodeMaker, keyedMutex: createKeyedMutex() }), limits, rules });
}
