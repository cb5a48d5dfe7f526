/** What Stoa is made of: every service behind the gateway, in the order they start. The code of one is loaded only where it runs. */
export const services = {
  users: async () => (await import('@stoa/users')).users,
  mailer: async () => (await import('@stoa/mailer')).mailer,
  posts: async () => (await import('@stoa/posts')).posts,
};

/** Permissions of services that are yet to come, which roles may have already. A service that comes declares its own. */
export const permissionsToCome: readonly string[] = ['flags:write', 'products:write', 'orders:read', 'orders:write'];
