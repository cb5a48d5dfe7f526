import type { Jobs } from '@stoa/messaging';
import { Type } from 'typebox';
import type { PasswordResets } from '../application/credential-ports.ts';

/** What `PasswordResets` leaves for later: no address, so that no stranger's is stored here. */
export const passwordResetJob = {
  name: 'mail-password-reset',
  data: Type.Object({ userId: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]) }, { additionalProperties: false }),
};

export const createPasswordResets = (jobs: Jobs): PasswordResets => ({
  later: (userId) => jobs.enqueue(passwordResetJob, { userId }),
});
