/** Who hears what: event → the services that must receive it. An event that nobody hears is not published at all. */
export const routes = {
  'account-link-requested': ['mailer'],
  'account-notice-requested': ['mailer'],
  'activation-requested': ['mailer'],
  'user-deleted': ['mailer'],
} as const satisfies Record<string, readonly [string, ...string[]]>;
