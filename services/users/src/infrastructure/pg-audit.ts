import { addressKey } from '@stoa/http';
import { createContext, currentContext, uuidv7 } from '@stoa/service';
import type { Transaction } from 'kysely';
import type { Audit, AuditEntry } from '../application/ports.ts';
import type { UsersSchema } from './tables.ts';

/** The audit log of one transaction; the table itself refuses to be changed. */
export function createPgAudit(tx: Transaction<UsersSchema>): Audit {
  async function append({ action, actor, subject, address, at, details }: AuditEntry<string>): Promise<void> {
    const { correlationId, address: caller } = currentContext() ?? createContext();
    const from = address === undefined ? caller : address;
    await tx
      .insertInto('audit')
      .values({
        id: uuidv7(at.getTime()),
        at,
        action,
        actor,
        subject,
        address: from === undefined || from === null ? null : addressKey(from),
        correlation_id: correlationId,
        details: details === undefined ? null : JSON.stringify(details),
      })
      .execute();
  }
  return { append, appendOther: append };
}
