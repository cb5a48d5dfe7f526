import { job } from '@stoa/messaging';
import type { Clock } from '@stoa/service';
import type { Transaction } from 'kysely';
import { createChangePassword } from '../application/change-password.ts';
import { createChangeProfile } from '../application/change-profile.ts';
import { createConfirmEmail } from '../application/confirm-email.ts';
import { createConfirmPasswordReset } from '../application/confirm-password-reset.ts';
import { createMailPasswordReset } from '../application/mail-password-reset.ts';
import { createMintAccountLink } from '../application/mint-account-link.ts';
import type { UsersTx } from '../application/ports.ts';
import { createRequestPasswordReset } from '../application/request-password-reset.ts';
import { createLinkTokens } from '../infrastructure/account-links.ts';
import { createCommonPasswords } from '../infrastructure/common-passwords.ts';
import { createKeyedMutex } from '../infrastructure/keyed-mutex.ts';
import { passwordResetJob } from '../infrastructure/password-reset-job.ts';
import { createPgLinkReader } from '../infrastructure/pg-account-links.ts';
import type { UsersSchema } from '../infrastructure/tables.ts';
import { changePasswordRoute } from '../presentation/change-password.route.ts';
import { changeProfileRoute } from '../presentation/change-profile.route.ts';
import { confirmEmailRoute } from '../presentation/confirm-email.route.ts';
import { mintAccountLinkRoute } from '../presentation/mint-account-link.route.ts';
import { passwordResetsRoutes } from '../presentation/password-resets.routes.ts';
import type { Kit } from './kit.ts';

/** The job behind `POST /v1/password-resets`. */
export function createPasswordResetJob({ clock, usersTx }: { clock: Clock; usersTx(tx: Transaction<UsersSchema>): UsersTx }) {
  const mailPasswordReset = createMailPasswordReset({ clock });
  return job<UsersSchema, (typeof passwordResetJob)['data']>({
    ...passwordResetJob,
    // It locks the account, which requests of its person want.
    batch: 1,
    handle: (tx, { userId }) => mailPasswordReset(usersTx(tx), userId),
  });
}

/** What people do by mailed links, and what changes what links are mailed to: passwords, profile. */
export function addAccountLinks(kit: Kit): void {
  const { config, http, database, users, authenticator, passwords, inTransaction, limits, rules, clock, derive } = kit;
  const linkTokens = createLinkTokens(derive);
  const commonPasswords = createCommonPasswords();
  const redeeming = { linkTokens, linkReader: createPgLinkReader(database.query), inTransaction, clock };
  const requestPasswordReset = createRequestPasswordReset({ users, inTransaction, clock });
  const confirmPasswordReset = createConfirmPasswordReset({
    ...redeeming,
    passwords,
    keyedMutex: createKeyedMutex(),
    commonPasswords,
  });
  const changePassword = createChangePassword({ users, authenticator, passwords, inTransaction, clock, commonPasswords });
  const changeProfile = createChangeProfile({ users, inTransaction, clock, defaultRegion: config.PHONE_DEFAULT_REGION });
  const confirmEmail = createConfirmEmail(redeeming);

  mintAccountLinkRoute(http, createMintAccountLink({ linkTokens, inTransaction, clock }));
  passwordResetsRoutes(http, { requestPasswordReset, confirmPasswordReset, limits, rules });
  changePasswordRoute(http, { changePassword, limits, rules });
  changeProfileRoute(http, { changeProfile, rules });
  confirmEmailRoute(http, { confirmEmail, limits });
}
