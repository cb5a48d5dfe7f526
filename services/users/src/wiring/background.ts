import { type Consumer, type Cron, type Job, job } from '@stoa/messaging';
import { Type } from 'typebox';
import { createMailPasswordReset } from '../application/mail-password-reset.ts';
import { createPublishProfiles } from '../application/publish-profiles.ts';
import { createRemovePendingUsers } from '../application/remove-pending-users.ts';
import { passwordResetJob } from '../infrastructure/password-reset-job.ts';
import { removeOldLinks } from '../infrastructure/pg-account-links.ts';
import { removeOldSetUpCodes } from '../infrastructure/pg-administrators.ts';
import { removeOldCodes } from '../infrastructure/pg-codes.ts';
import { publishProfilesJob } from '../infrastructure/pg-public-profiles.ts';
import { removeOldRevocations } from '../infrastructure/pg-revocations.ts';
import { removeOldSessions } from '../infrastructure/pg-sessions.ts';
import { removeOldSigningKeys } from '../infrastructure/pg-signing-keys.ts';
import type { UsersTables } from '../infrastructure/tables.ts';
import { onAuditRecorded, onPostModerated } from '../presentation/consumers/on-audit-recorded.ts';
import { onUserProfilesRequested } from '../presentation/consumers/on-user-profiles-requested.ts';
import type { UsersContext } from './context.ts';

type Needed = Pick<UsersContext, 'config' | 'clock' | 'unit'>;

const HOUR_MS = 3_600_000;
/** Sessions that are over show which devices are known. */
const ENDED_SESSIONS_KEPT_MS = 90 * 24 * HOUR_MS;
/** Longer than a link lives after the longest wait of its mail, so that it is reported as expired for a while. */
const OLD_LINKS_KEPT_MS = 7 * 24 * HOUR_MS;
/** At most so many rows of a kind in one run: locks are held for a moment only. */
const BATCH = 1_000;

/** What happens without a request: what other services publish and ask for, and what is done later or every minute. */
export function background(context: Needed): {
  readonly consumers: Consumer<UsersTables>[];
  readonly jobs: Job<UsersTables>[];
  readonly crons: Cron[];
} {
  const profiles = publishingProfiles(context);
  const expired = removeExpiredData(context);
  return {
    consumers: [...profiles.consumers, onAuditRecorded(context.unit), onPostModerated(context.unit)],
    jobs: [expired, passwordResets(context), ...profiles.jobs] as Job<UsersTables>[],
    crons: [{ job: expired.name, everySeconds: 60 }],
  };
}

/** The profiles of all users for a service that asks for them. @param pageSize how many an event has, at most. */
export function publishingProfiles({ unit }: Pick<Needed, 'unit'>, pageSize?: number) {
  const publishProfiles = createPublishProfiles({ pageSize });
  const publishPage = job<UsersTables, (typeof publishProfilesJob)['data']>({
    ...publishProfilesJob,
    handle: (tx, { after }) => unit.in(tx, (ports) => publishProfiles.publishPage(ports, after)),
  });
  return { consumers: [onUserProfilesRequested(unit, publishProfiles)], jobs: [publishPage] };
}

/** What follows `POST /v1/password-resets`. */
function passwordResets({ clock, unit }: Needed) {
  const mailPasswordReset = createMailPasswordReset({ clock });
  return job<UsersTables, (typeof passwordResetJob)['data']>({
    ...passwordResetJob,
    // It locks the account, which requests of its person want.
    batch: 1,
    handle: (tx, { userId }) => unit.in(tx, (ports) => mailPasswordReset(ports, userId)),
  });
}

/** Removes accounts that were not activated in time and all other expired data, each minute, a batch at a time until nothing is left. */
function removeExpiredData({ config, clock, unit }: Needed) {
  const pendingLifeMs = config.PENDING_USER_TTL_HOURS * HOUR_MS;
  const removePendingUsers = createRemovePendingUsers({ clock, pendingLifeMs });
  return job<UsersTables, ReturnType<typeof Type.Object>>({
    name: 'remove-expired-data',
    formerNames: ['remove-pending-users'],
    data: Type.Object({}, { additionalProperties: false }),
    async handle(tx) {
      const now = clock.now();
      const before = (ms: number) => new Date(now.getTime() - ms);
      const isMore = await unit.in(tx, removePendingUsers);
      const removed = [
        await removeOldCodes(tx, before(pendingLifeMs), BATCH),
        await removeOldSessions(tx, before(ENDED_SESSIONS_KEPT_MS), BATCH),
        await removeOldLinks(tx, before(OLD_LINKS_KEPT_MS), BATCH),
        await removeOldRevocations(tx, now, BATCH),
      ];
      await removeOldSigningKeys(tx, now);
      await removeOldSetUpCodes(tx, now);
      return isMore || removed.includes(BATCH) ? 'more' : undefined;
    },
  });
}
