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
 * Publishes what everybody is called who is or was active, for a service that asks for it. Can be repeated, and run twice at a time.
 *
 * What changes meanwhile crosses with the pages, and does no harm: an account that becomes active behind the last page publishes an
 * event of its own; of two names the receiver keeps the one with the higher version, whichever comes first; and it remembers deleted
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
