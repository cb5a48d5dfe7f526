import { type UserDeleted, type UserProfile, userDeleted, userProfileChanged, userProfilesSnapshot } from '@stoa/contracts';
import type { Message } from '@stoa/messaging';
import type { Database } from '@stoa/postgres';
import type { UsersTables } from '../infrastructure/tables.ts';

type Told = Pick<Message, 'type' | 'data'>;

/** The profiles in the published events, in their order. */
export const profilesIn = (messages: readonly Told[]): readonly UserProfile[] =>
  messages.flatMap(({ type, data }) => {
    if (type === userDeleted.name) return [];
    return type === userProfileChanged.name ? [data as UserProfile] : (data as { profiles: UserProfile[] }).profiles;
  });

/** What a receiver knows afterwards if it keeps the highest version and remembers deleted users. By id. */
export function namesAfter(messages: readonly Told[]): Readonly<Record<string, string | null>> {
  const deleted = new Set(messages.filter(({ type }) => type === userDeleted.name).map(({ data }) => (data as UserDeleted).userId));
  const kept = new Map<string, UserProfile>();
  for (const profile of profilesIn(messages)) {
    const { userId, version } = profile;
    if (!deleted.has(userId) && version > (kept.get(userId)?.version ?? 0)) kept.set(userId, profile);
  }
  const byId = [...kept.values()].toSorted((one, other) => (one.userId < other.userId ? -1 : 1));
  return Object.fromEntries(byId.map(({ userId, name }) => [userId, name]));
}

/** The profiles that were published of one account, in the order of their commits, whether they have left yet or not. */
export async function publishedProfilesOf({ query }: Pick<Database<UsersTables>, 'query'>, id: string): Promise<readonly UserProfile[]> {
  const rows = await query
    // The outbox belongs to the messaging package, whose tables this schema does not name.
    .withTables<{ outbox_events: { id: string; type: string; data: unknown } }>()
    .selectFrom('outbox_events')
    .select(['type', 'data'])
    .where('type', 'in', [userProfileChanged.name, userProfilesSnapshot.name])
    .orderBy('id')
    .execute();
  return profilesIn(rows).filter(({ userId }) => userId === id);
}
