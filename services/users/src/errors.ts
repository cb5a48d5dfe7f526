import { authErrors, basicChallenge } from '@stoa/auth';
import { httpErrors } from '@stoa/http';
import { type AppError, defineErrors } from '@stoa/service';
import type { UniqueField } from './application/ports.ts';
import type { Refusal } from './domain/person.ts';

/** Every error that users answers by itself; the page of each is `/problems/<code>`. */
export const errors = defineErrors({
  email_taken: {
    kind: 'conflict',
    title: 'There is an account with this e-mail address.',
    cause: 'Another account, activated or not, has the same address; letter case makes no difference.',
    fix: 'Activate the account that exists, or use another address. An account that is never activated goes a day after its last code.',
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
    cause: 'There was no `Authorization: Basic` header, or it was malformed: RFC 7617 wants base64 of `e-mail:password` in UTF-8.',
    fix: 'Send the e-mail address and the password of the account, `curl -u name@example.com:password` for example.',
  },
  invalid_credentials: {
    kind: 'unauthenticated',
    title: 'E-mail address or password is wrong.',
    cause: 'There is no such account, or the password is not its own. Which of the two is not told.',
    fix: 'Check both. Password characters count exactly, spaces and letter case too.',
  },
  account_blocked: {
    kind: 'forbidden',
    title: 'This account is blocked.',
    cause: 'An administrator has blocked the account.',
    fix: 'Ask an administrator.',
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
  hashing_busy: {
    kind: 'unavailable',
    title: 'Too many passwords are being checked at this moment.',
    cause: 'Checking a password is slow on purpose, and the line before it is full, or moved too slowly.',
    fix: 'Send the request again as soon as `Retry-After` says.',
  },
});

export const credentialsRequired = (): AppError => errors.credentials_required({ headers: basicChallenge });

export const invalidCredentials = (): AppError => errors.invalid_credentials({ headers: basicChallenge });

export const taken = (field: UniqueField): AppError => errors[`${field}_taken`]();

export const refusedFields = (refusals: readonly Refusal[]): AppError =>
  httpErrors.validation_failed({ fields: refusals.map(({ field, message }) => ({ path: `/${field}`, message })) });

/** What `/problems` has to explain beside the errors of HTTP itself. */
export const ownErrors = { ...authErrors.catalogue, ...errors.catalogue };

/** All that a route of users can name in its description. */
export const catalogue = { ...httpErrors.catalogue, ...ownErrors };
