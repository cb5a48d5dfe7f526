import { postModerated } from '@stoa/contracts';
import { consumer } from '@stoa/messaging';
import type { Transaction } from 'kysely';
import { logModeration } from '../../application/log-moderation.ts';
import type { UsersTx } from '../../application/ports.ts';

/** The audit log is kept here for the whole system. */
export const onPostModerated = <Schema>(usersTx: (tx: Transaction<Schema>) => UsersTx) =>
  consumer<Schema, typeof postModerated.schema>({
    name: 'on-post-moderated',
    event: postModerated,
    handle: (tx, moderation) => logModeration(usersTx(tx), moderation),
  });
