import { addressKey } from '@stoa/http';
import { createContext, currentContext, uuidv7 } from '@stoa/service';
import type { Transaction } from 'kysely';
import type { Audit } from '../application/ports.ts';
import type { UsersSchema } from './tables.ts';

/** The audit log of one transaction; the table itself refuses to be changed. */
export const createPgAudit = (tx: Transaction<UsersSchema>): Audit => ({
  async append({ action, actor, subject, address, at, details }) {
    const { correlationId, address: caller } = currentContext() ?? createContext();
    const from = address === undefined ? caller : address;
    const id = uuidv7(at.getTime());
    await tx
      .insertInto('audit')
      .values({
        id,
        at,
        action,
        actor,
        subject,
        address: from === undefined || from === null ? null : addressKey(from),
        correlation_id: correlationId,
        details: details === undefined ? null : JSON.stringify(details),
      })
      .execute();
  },
});
