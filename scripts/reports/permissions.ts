import { permissionsToCome, services } from '@stoa/assembly';
import { gateway } from '@stoa/gateway';

/** What a role or an API key can allow: what the services and the gateway declare, each in its order. @throws Error for one that two declare. */
export async function allPermissions(): Promise<readonly string[]> {
  const definitions = [...(await Promise.all(Object.values(services).map((load) => load()))), gateway];
  const declared = [...definitions.flatMap(({ permissions = [] }) => permissions), ...permissionsToCome];
  const twice = declared.find((permission, index) => declared.indexOf(permission) !== index);
  if (twice !== undefined) throw new Error(`two services declare the permission ${twice}`);
  return declared;
}

/** The module of contracts by which every process knows them: a process of users has no code of the others. */
export async function permissionsModule(): Promise<string> {
  const listed = (await allPermissions()).map((permission) => `  '${permission}',\n`).join('');
  return `// Made by \`npm run reports\` from what the services declare.

/** Everything that a role or an API key can allow. The built-in role \`admin\` has all of it. */
export const PERMISSIONS = [
${listed}] as const;

export type Permission = (typeof PERMISSIONS)[number];
`;
}
