import { authErrors, basicChallenge, tokenInvalid } from '@stoa/auth';
import { httpErrors } from '@stoa/http';
import { type AppError, defineErrors } from '@stoa/service';
import type { UniqueField } from './application/account-ports.ts';

/** Every error that users answers by itself; the page of each is `/problems/<code>`. */
export const errors = defineErrors({
  email_taken: {
    kind: 'conflict',
    title: 'There is an account with this e-mail address.',
    cause: 'Another account, activated or not, has the same address; letter case makes no difference.',
    fix: 'Activate the account that exists, or use another address. An account never activated is removed a day after its last code.',
  },
  phone_taken: {
    kind: 'conflict',
    title: 'There is an account with this phone number.',
    cause: 'Another account has the same number; the way it is written makes no difference.',
    fix: 'Use another number, or leave it out.',
  },
  login_taken: {
    kind: 'conflict',
    title: 'There is an account with this login.',
    cause: 'Another account has the same login; letter case makes no difference.',
    fix: 'Choose another login, or leave it out.',
  },
  credentials_required: {
    kind: 'unauthenticated',
    title: 'This route needs HTTP Basic credentials.',
    cause: 'There was no `Authorization: Basic` header, or it was malformed: RFC 7617 requires base64 of `e-mail:password` in UTF-8.',
    fix: 'Send the e-mail address and the password of the account, `curl -u name@example.com:password` for example.',
  },
  invalid_credentials: {
    kind: 'unauthenticated',
    title: 'E-mail address or password is wrong.',
    cause: 'There is no such account, or the password is not its own. The answer does not say which.',
    fix: 'Check both. Password characters count exactly, spaces and letter case too.',
  },
  account_blocked: {
    kind: 'forbidden',
    title: 'This account is blocked.',
    cause: 'An administrator has blocked the account.',
    fix: 'Ask an administrator.',
  },
  not_activated: {
    kind: 'forbidden',
    title: 'This account is not activated yet.',
    cause: 'The password is right, but the address was never confirmed.',
    fix: 'Activate the account with the code of its mail: `POST /v1/users/activation`; `POST /v1/users/activation/code` sends another.',
  },
  admin_protected: {
    kind: 'forbidden',
    title: 'This administrator is protected.',
    cause: 'The account administers Stoa, and nobody may delete, demote or block it, nor change how its person logs in.',
    fix: 'An operator can take the protection away: `stoa admin unprotect --email …`.',
  },
  last_admin: {
    kind: 'conflict',
    title: 'This is the last administrator.',
    cause: 'Without it nobody could administer Stoa any more.',
    fix: 'Make another administrator first.',
  },
  session_not_found: {
    kind: 'not-found',
    title: 'There is no such session.',
    cause: 'The id is wrong, or the session has ended, or it is of somebody else.',
    fix: 'List your sessions with `GET /v1/sessions`.',
  },
  user_not_found: {
    kind: 'not-found',
    title: 'There is no such account.',
    cause: 'The id is wrong, or the account was deleted.',
    fix: 'Search for it with `GET /v1/users?q=…`.',
  },
  refresh_token_invalid: {
    kind: 'unauthenticated',
    title: 'This refresh token is not valid.',
    cause: 'It is malformed or expired, or its session has ended.',
    fix: 'Log in again with `POST /v1/sessions`.',
  },
  refresh_token_reused: {
    kind: 'unauthenticated',
    title: 'This refresh token was used before.',
    cause:
      'A refresh token is good for one refresh, and for ten seconds more in case the answer was lost. Used later, it may be stolen: the session has ended.',
    fix: 'Log in again with `POST /v1/sessions`. Store the newest refresh token, and let one place alone refresh it.',
  },
  too_many_attempts: {
    kind: 'too-many',
    title: 'Too many wrong passwords for this account from this IP address.',
    cause: 'Ten wrong passwords within fifteen minutes came from your IP address. Others are not affected.',
    fix: 'Wait as long as `Retry-After` says, or reset the password with `POST /v1/password-resets`.',
  },
  already_active: {
    kind: 'conflict',
    title: 'This account is active already.',
    cause: 'The account was activated before; that is done once.',
    fix: 'Nothing is left to do.',
  },
  code_attempts_exhausted: {
    kind: 'too-many',
    title: 'This code was tried too often.',
    cause: 'Three codes were submitted that are not the one in the mail. The right one does not count any more either.',
    fix: 'Ask for a new code with `POST /v1/users/activation/code`, as soon as `Retry-After` says.',
  },
  code_expired: {
    kind: 'gone',
    title: 'This code has expired.',
    cause: 'A code lives one minute (`CODE_TTL_SECONDS`) from the moment its mail leaves.',
    fix: 'Ask for a new code with `POST /v1/users/activation/code`.',
  },
  code_invalid: {
    kind: 'invalid',
    title: 'This is not the code.',
    cause: 'The code differs from the one in the newest mail, or that mail is yet to leave.',
    fix: 'Type the code of the newest mail. Three wrong codes end it.',
  },
  codes_unavailable: {
    kind: 'unavailable',
    title: 'Codes cannot be checked at this moment.',
    cause: 'The store that counts the tries of a code is unavailable. Without it any number of codes could be tried.',
    fix: 'Send the request again as soon as `Retry-After` says.',
  },
  code_budget_spent: {
    kind: 'too-many',
    title: 'This account has asked for too many codes.',
    cause: 'An account gets five codes an hour and ten a day, that of the registration among them.',
    fix: 'Wait as long as `Retry-After` says.',
  },
  activation_request_gone: {
    kind: 'gone',
    title: 'No code is to be sent for this request any more.',
    cause: 'A newer request has replaced it, the account is active or gone, or the request is older than 15 minutes.',
    fix: 'Do not send the mail.',
  },
  account_link_gone: {
    kind: 'gone',
    title: 'No link is to be sent for this request any more.',
    cause: 'It was used, or something newer has taken its place, or the account is blocked or gone, or the request is older than a day.',
    fix: 'Do not send the mail.',
  },
  link_invalid: {
    kind: 'invalid',
    title: 'This link does not work.',
    cause: 'It was never mailed, or was used before, or something newer has made it void, or it is for something else.',
    fix: 'Follow the link of the newest mail, or ask for another one. A link works once.',
  },
  link_expired: {
    kind: 'gone',
    title: 'This link has expired.',
    cause:
      'A link to a new password works for 30 minutes, one to a first password or to confirm an address for 24 hours, from the moment its mail leaves.',
    fix: 'Ask for another one: `POST /v1/password-resets` for a password, `PATCH /v1/users/me` for an address.',
  },
  role_not_found: {
    kind: 'not-found',
    title: 'There is no such role.',
    cause: 'The name is wrong, or the role was deleted.',
    fix: 'List the roles with `GET /v1/roles`.',
  },
  role_taken: {
    kind: 'conflict',
    title: 'There is a role with this name.',
    cause: 'Another role, maybe a built-in one, has the same name.',
    fix: 'Change that one with `PATCH /v1/roles/{name}`, or choose another name.',
  },
  role_built_in: {
    kind: 'conflict',
    title: 'This role is built in.',
    cause: 'What `user` and `admin` allow is fixed, and both are always there.',
    fix: 'Make a role of your own with `POST /v1/roles`.',
  },
  role_in_use: {
    kind: 'conflict',
    title: 'Somebody has this role.',
    cause: 'A role can be deleted when no account has it any more.',
    fix: 'Find them with `GET /v1/users?role=…`, and take it from them with `PUT /v1/users/{id}/roles`.',
  },
  service_account_not_found: {
    kind: 'not-found',
    title: 'There is no such service account.',
    cause: 'The id is wrong, or the account was deleted.',
    fix: 'List them with `GET /v1/service-accounts`.',
  },
  service_account_taken: {
    kind: 'conflict',
    title: 'There is a service account with this name.',
    cause: 'Names are unique, so that everybody knows whose key it is.',
    fix: 'Choose another name, or delete the other account first.',
  },
  setup_code_invalid: {
    kind: 'forbidden',
    title: 'This set-up code does not work.',
    cause: 'It was never printed, or is older than 24 hours.',
    fix: 'Start Stoa once more, and use the address that it prints. Or make an administrator with `stoa admin create`.',
  },
  already_set_up: {
    kind: 'conflict',
    title: 'There is an administrator already.',
    cause: 'The set-up makes the first administrator, and no other.',
    fix: 'Ask an administrator, or make another one with `stoa admin create`.',
  },
  link_budget_spent: {
    kind: 'too-many',
    title: 'This account has asked for too many mails of this kind.',
    cause: 'An account may request another address five times an hour.',
    fix: 'Wait as long as `Retry-After` says.',
  },
  hashing_busy: {
    kind: 'unavailable',
    title: 'Too many passwords are being checked at this moment.',
    cause: 'Checking a password is slow on purpose, and the queue for it is full, or moved too slowly.',
    fix: 'Send the request again as soon as `Retry-After` says.',
  },
});

export const credentialsRequired = (): AppError => errors.credentials_required({ headers: basicChallenge });

/** For a caller who was admitted, and whose session or account ended before the work was done. */
export { tokenInvalid };

/** @param indices where they stand in `roles`. */
export const unknownRoles = (indices: readonly number[]): AppError =>
  httpErrors.validation_failed({ fields: indices.map((index) => ({ path: `/roles/${index}`, message: 'is no role' })) });

export const permissionDenied = (message: string): AppError => authErrors.permission_denied({ message });

export const invalidCredentials = (): AppError => errors.invalid_credentials({ headers: basicChallenge });

export const taken = (field: UniqueField): AppError => errors[`${field}_taken`]();

export const refusedFields = (refusals: readonly { readonly field: string; readonly message: string }[]): AppError =>
  httpErrors.validation_failed({ fields: refusals.map(({ field, message }) => ({ path: `/${field}`, message })) });

/** What `/problems` has to explain beside the errors of HTTP itself. */
export const ownErrors = { ...authErrors.catalogue, ...errors.catalogue };
