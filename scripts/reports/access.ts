import type { RouteAccess } from '@stoa/auth';
import { PERMISSIONS } from '@stoa/contracts';
import { wireForDocuments } from '../../apps/server/src/commands/documents.ts';

const WHO = {
  anyone: 'anyone',
  user: 'a logged-in person',
  service: 'a service of Stoa itself',
  basic: 'HTTP Basic: e-mail address and password',
} as const;

/** Who may call what, over all services: what a reviewer of rights reads. @throws Error for a permission that nobody can be given. */
export async function accessTable(): Promise<string> {
  const wired = await wireForDocuments();
  try {
    const routes = [...new Set([...wired.services, wired.front])].flatMap(({ http }) => http.routeAccess ?? []);
    const rows = routes.filter(({ access }) => access !== 'owner').map(row);
    const used = new Set(routes.map(({ access }) => (typeof access === 'object' ? access.permission : undefined)));
    const unused = PERMISSIONS.filter((permission) => !used.has(permission));
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

function row({ method, url, access }: RouteAccess): string {
  return `| \`${url} ${method}\` | ${who(access, url)} |`;
}

function who(access: RouteAccess['access'], url: string): string {
  if (typeof access !== 'object') return access === 'owner' ? '' : WHO[access];
  const { permission } = access;
  if (!(PERMISSIONS as readonly string[]).includes(permission)) throw new Error(`${url}: nobody can be given the permission ${permission}`);
  return `\`${permission}\``;
}
