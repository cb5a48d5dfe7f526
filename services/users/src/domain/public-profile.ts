import type { User } from './user.ts';

/** What others may show of a person, as of one version of the account. */
export interface PublicProfile {
  readonly userId: string;
  readonly name: string | null;
  readonly version: number;
}

/** What a person is called in public. */
export const publicName = ({ fullName, login }: Pick<User, 'fullName' | 'login'>): string | null => fullName ?? login;

/** Whether the account is or was active. One that never was is not published: its address may be somebody else's. */
const isPublic = ({ status, blockedFrom }: User): boolean => status === 'active' || (status === 'blocked' && blockedFrom !== 'pending');

/** What to publish when an account becomes what it is now; `undefined` when others know it already, or are not to know. */
export function profileToPublish(before: User | undefined, now: User): PublicProfile | undefined {
  const name = publicName(now);
  const isKnown = before !== undefined && isPublic(before) && publicName(before) === name;
  return isKnown || !isPublic(now) ? undefined : { userId: now.id, name, version: now.version };
}
