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
  'dead-letters:read',
  'dead-letters:replay',
  'flags:write',
  'products:write',
  'orders:read',
  'orders:write',
  'posts:moderate',
] as const;

export type Permission = (typeof PERMISSIONS)[number];
