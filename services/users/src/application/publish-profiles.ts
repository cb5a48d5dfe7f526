import { userProfilesSnapshot } from '@stoa/contracts';
import type { UsersTx } from './ports.ts';

/** Few enough for an event: names have 200 characters at most, so it has less than half of what one may have. */
const PAGE_SIZE = 500;

export interface PublishProfiles {
  /** Has all profiles published, one page after the other. */
  begin(tx: UsersTx): Promise<void>;
  /** Publishes a page, those from behind `after`, and has the next one published. */
  publishPage(tx: UsersTx, after: string | null): Promise<void>;
}

/**
 * Publishes the names of all accounts that are or were active, for a service that requests them. Can be repeated, and run twice at a time.
 *
 * Changes meanwhile may overlap with the pages, and do no harm: an account that becomes active behind the last page publishes an
 * event of its own; the receiver keeps the name with the higher version, whichever comes first; and it remembers deleted
 * users, so that a page that was read before and comes after brings nobody back.
 */
export const createPublishProfiles = ({ pageSize = PAGE_SIZE }: { pageSize?: number | undefined } = {}): PublishProfiles => ({
  begin: ({ profiles }) => profiles.publishLater(null),
  async publishPage({ profiles, outbox }, after) {
    const page = await profiles.page(after, pageSize);
    const last = page.at(-1);
    if (last === undefined) return;
    await outbox.append(userProfilesSnapshot, { profiles: [...page] });
    if (page.length === pageSize) await profiles.publishLater(last.userId);
  },
});
