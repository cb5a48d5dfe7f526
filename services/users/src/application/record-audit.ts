import type { Actor } from '@stoa/auth';
import type { AuditRecorded } from '@stoa/contracts';
import type { UsersTx } from './ports.ts';

/** Writes what another service did into the audit log, as of when and where it was done. */
export const recordAudit = ({ audit }: UsersTx, { actor, clientIp, at, ...entry }: AuditRecorded): Promise<void> =>
  audit.appendOther({ ...entry, actor: actor as Actor, clientIp, at: new Date(at) });
