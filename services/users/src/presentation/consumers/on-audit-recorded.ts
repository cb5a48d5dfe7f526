import { auditRecorded, postModerated } from '@stoa/contracts';
import type { UnitOfWork } from '@stoa/kit';
import { consumer } from '@stoa/messaging';
import type { UsersTx } from '../../application/ports.ts';
import { recordAudit } from '../../application/record-audit.ts';

/** The audit log is kept here for the whole system. */
export const onAuditRecorded = <Schema>(unit: UnitOfWork<Schema, UsersTx>) =>
  consumer<Schema, typeof auditRecorded.schema>({
    name: 'on-audit-recorded',
    event: auditRecorded,
    handle: (tx, recorded) => unit.in(tx, (ports) => recordAudit(ports, recorded)),
  });

/** What posts published before there was `audit-recorded`. */
export const onPostModerated = <Schema>(unit: UnitOfWork<Schema, UsersTx>) =>
  consumer<Schema, typeof postModerated.schema>({
    name: 'on-post-moderated',
    event: postModerated,
    handle: (tx, { postId: subject, address: clientIp, authorId, ...entry }) =>
      unit.in(tx, (ports) => recordAudit(ports, { ...entry, subject, clientIp, details: { authorId } })),
  });
