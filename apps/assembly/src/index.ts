/** What Stoa is made of: every service behind the gateway, in the order they start. The code of a service is loaded only where it runs. */
export const services = {
  users: async () => (await import('@stoa/users')).users,
  mailer: async () => (await import('@stoa/mailer')).mailer,
  posts: async () => (await import('@stoa/posts')).posts,
};

/** Permissions of future services, which roles may already have. A new service declares its own. */
export const permissionsToCome: readonly string[] = ['flags:write', 'products:write', 'orders:read', 'orders:write'];
