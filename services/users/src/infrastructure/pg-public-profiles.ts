import type { Jobs } from '@stoa/messaging';
import type { Transaction } from 'kysely';
import { Type } from 'typebox';
import type { PublicProfiles } from '../application/account-ports.ts';
import { publicName } from '../domain/public-profile.ts';
import type { UsersTables } from './tables.ts';

/** One page of what `PublicProfiles` has published. */
export const publishProfilesJob = {
  name: 'publish-profiles',
  formerNames: ['tell-profiles'],
  data: Type.Object({ after: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]) }, { additionalProperties: false }),
};

export const createPgPublicProfiles = (tx: Transaction<UsersTables>, jobs: Jobs): PublicProfiles => ({
  async page(after, limit) {
    let query = tx
      .selectFrom('users')
      .select(['id', 'full_name as fullName', 'login', 'version'])
      // As `profileToPublish` has it.
      .where((is) =>
        is.or([is('status', '=', 'active'), is.and([is('status', '=', 'blocked'), is('blocked_from', 'is distinct from', 'pending')])]),
      )
      .orderBy('id')
      .limit(limit);
    if (after !== null) query = query.where('id', '>', after);
    const rows = await query.execute();
    return rows.map(({ id, version, ...names }) => ({ userId: id, name: publicName(names), version }));
  },
  publishLater: (after) => jobs.enqueue(publishProfilesJob, { after }),
});
