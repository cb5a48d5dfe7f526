import { clientIpKey } from '@stoa/http';
import { createContext, currentContext, uuidv7 } from '@stoa/service';
import type { Transaction } from 'kysely';
import type { Audit, AuditEntry } from '../application/ports.ts';
import type { UsersTables } from './tables.ts';

/** The audit log of one transaction; the table itself refuses to be changed. */
export function createPgAudit(tx: Transaction<UsersTables>): Audit {
  async function append({ action, actor, subject, clientIp: given, at, details }: AuditEntry<string>): Promise<void> {
    const context = currentContext() ?? createContext();
    const clientIp = given === undefined ? context.clientIp : given;
    await tx
      .insertInto('audit')
      .values({
        id: uuidv7(at.getTime()),
        at,
        action,
        actor,
        subject,
        address: clientIp === undefined || clientIp === null ? null : clientIpKey(clientIp),
        correlation_id: context.correlationId,
        details: details === undefined ? null : JSON.stringify(details),
      })
      .execute();
  }
  return { append, appendOther: append };
}
