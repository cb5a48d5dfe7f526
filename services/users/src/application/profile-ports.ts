import type { PublicProfile } from '../domain/public-profile.ts';

/** The names of all whom others may know: exists only within a transaction. */
export interface PublicProfiles {
  /** Of accounts that are or were active, by id, from behind the one with id `after`. */
  page(after: string | null, limit: number): Promise<readonly PublicProfile[]>;
  /** Has those from behind `after` published, soon after the commit. */
  publishLater(after: string | null): Promise<void>;
}
