/**
 * Event → the services that must receive it. An event without services is for observers: the gateway, which drops cached answers.
 * Nothing is stored for an observer.
 */
export const routes = {
  'account-link-requested': ['mailer'],
  'account-notice-requested': ['mailer'],
  'activation-requested': ['mailer'],
  'audit-recorded': ['users'],
  'post-changed': [],
  'post-created': [],
  'post-deleted': [],
  'post-moderated': ['users'],
  'user-deleted': ['mailer', 'posts'],
  'user-profile-changed': ['posts'],
  'user-profiles-requested': ['users'],
  'user-profiles-snapshot': ['posts'],
  'user-profiles-told': ['posts'],
} as const satisfies Record<string, readonly string[]>;
