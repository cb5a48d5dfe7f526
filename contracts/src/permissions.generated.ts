// Made by `npm run reports` from what the services declare.

/** Everything that a role or an API key can allow. The built-in role `admin` has all of it. */
export const PERMISSIONS = [
  'users:create',
  'users:read',
  'users:update',
  'users:delete',
  'users:block',
  'roles:read',
  'roles:write',
  'service-accounts:read',
  'service-accounts:write',
  'audit:read',
  'mails:read',
  'mails:resend',
  'posts:moderate',
  'dead-letters:read',
  'dead-letters:replay',
  'flags:write',
  'products:write',
  'orders:read',
  'orders:write',
] as const;

export type Permission = (typeof PERMISSIONS)[number];
