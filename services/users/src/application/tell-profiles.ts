import { userProfilesTold } from '@stoa/contracts';
import type { UsersTx } from './ports.ts';

/** Few enough for an event: names have 200 characters at most, so it has less than half of what one may have. */
const PART = 500;

export interface TellProfiles {
  /** Has all profiles told, a part of them after the other. */
  begin(tx: UsersTx): Promise<void>;
  /** Tells a part, those from behind `after`, and has the next one told. */
  tellPart(tx: UsersTx, after: string | null): Promise<void>;
}

/**
 * Tells another service what everybody is called who is or was active. Can be repeated, and run twice at a time.
 *
 * What changes meanwhile crosses with the parts, and does no harm: who becomes active behind the part that was told last tells so by an
 * event of their own; of two names the receiver keeps the one with the higher version, whichever comes first; and it remembers who
 * was deleted, so that a part that was read before and comes after brings nobody back.
 */
export const createTellProfiles = ({ part = PART }: { part?: number | undefined } = {}): TellProfiles => ({
  begin: ({ profiles }) => profiles.tellLater(null),
  async tellPart({ profiles, outbox }, after) {
    const told = await profiles.page(after, part);
    const last = told.at(-1);
    if (last === undefined) return;
    await outbox.append(userProfilesTold, { profiles: [...told] });
    if (told.length === part) await profiles.tellLater(last.userId);
  },
});
