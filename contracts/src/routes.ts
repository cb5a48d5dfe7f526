/**
 * Who hears what: event → the services that must receive it. One without services is for those who observe: the gateway, which drops what it
 * keeps of an answer. Nothing is kept for who observes.
 */
export const routes = {
  'account-link-requested': ['mailer'],
  'account-notice-requested': ['mailer'],
  'activation-requested': ['mailer'],
  'post-changed': [],
  'post-created': [],
  'post-deleted': [],
  'post-moderated': ['users'],
  'user-deleted': ['mailer', 'posts'],
  'user-profile-changed': ['posts'],
  'user-profiles-requested': ['users'],
  'user-profiles-told': ['posts'],
} as const satisfies Record<string, readonly string[]>;
