import type { RouteAccess } from '@stoa/auth';
import { wireForDocuments } from '../../apps/server/src/commands/documents.ts';
import { allPermissions } from './permissions.ts';

const WHO = {
  anyone: 'anyone',
  user: 'a logged-in person',
  service: 'a service of Stoa itself',
  basic: 'HTTP Basic: e-mail address and password',
} as const;

/** Who may call what, over all services: what a reviewer of rights reads. @throws Error for a permission that nobody can be given. */
export async function accessTable(): Promise<string> {
  const permissions = await allPermissions();
  const wired = await wireForDocuments();
  try {
    const routes = [...new Set([...wired.services, wired.front])].flatMap(({ http }) => http.routeAccess ?? []);
    const rows = routes.filter(({ access }) => access !== 'owner').map((route) => row(route, permissions));
    const used = new Set(routes.map(({ access }) => (typeof access === 'object' ? access.permission : undefined)));
    const unused = permissions.filter((permission) => !used.has(permission));
    return `# Who may call what

Made by \`npm run reports\` from what the routes declare. A permission comes with a role or an API key; a route for anyone refuses a bad token all the same.

| route | who |
|---|---|
${[...new Set(rows)].toSorted().join('\n')}

Permissions that no route asks for by itself: ${unused.length === 0 ? 'none' : unused.map((permission) => `\`${permission}\``).join(', ')}.
`;
  } finally {
    await wired.close();
  }
}

function row({ method, url, access }: RouteAccess, permissions: readonly string[]): string {
  return `| \`${url} ${method}\` | ${who(access, url, permissions)} |`;
}

function who(access: RouteAccess['access'], url: string, permissions: readonly string[]): string {
  if (typeof access !== 'object') return access === 'owner' ? '' : WHO[access];
  const { permission } = access;
  if (!permissions.includes(permission)) throw new Error(`${url}: nobody can be given ${permission}, as no service declares it`);
  return `\`${permission}\``;
}
