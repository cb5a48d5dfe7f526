import { defineErrors } from '@stoa/service';

/** What every guard of the system can answer. */
export const authErrors = defineErrors({
  service_credential_invalid: {
    kind: 'unauthenticated',
    title: 'This route is for the services of Stoa itself.',
    cause: 'A path below /internal/ was called without the credential of a service, or with one made from another STOA_SECRET.',
    fix: 'Clients use the paths below /v1/. Services of one installation must all run with the same STOA_SECRET.',
  },
  token_missing: {
    kind: 'unauthenticated',
    title: 'This route needs an access token.',
    cause: 'There was no `Authorization: Bearer …` header.',
    fix: 'Log in with `POST /v1/sessions` and send its `accessToken`, or send the API key of a service account.',
  },
  token_invalid: {
    kind: 'unauthenticated',
    title: 'This token is not valid.',
    cause: 'The access token or API key is malformed, expired, logged out or withdrawn, or the account has changed since.',
    fix: 'Get a new access token with `POST /v1/sessions/refresh`, or log in again.',
  },
  permission_denied: {
    kind: 'forbidden',
    title: 'You may not do this.',
    cause: 'Neither your roles nor your API key include the permission that this needs, or what you change has more permissions than you.',
    fix: 'Ask an administrator for a role that includes it. The permission of each route is at /docs.',
  },
  identity_stale: {
    kind: 'unavailable',
    title: 'Your identity cannot be checked at the moment.',
    cause: 'The service users, which knows which sessions have ended, has not answered for too long. For safety no request is admitted.',
    fix: 'Repeat the request after the seconds in `Retry-After`.',
  },
});
