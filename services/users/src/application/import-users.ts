import { userProfilesSnapshot } from '@stoa/contracts';
import { type Clock, uuidv7 } from '@stoa/service';
import { type ImportedUser, parseImportedUser, userOf } from '../domain/imported-user.ts';
import { profileToPublish } from '../domain/public-profile.ts';
import type { InTransaction } from './ports.ts';

/** Rows that commit together: few enough to be quick and for one event, many enough that commits are not what costs. */
const BATCH = 500;

export interface ImportUsersPorts {
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
  readonly defaultRegion: string | undefined;
}

export interface ImportResult {
  readonly imported: number;
  /** Their e-mail has an account already: of an earlier import, or of a registration. */
  readonly skipped: number;
  readonly refused: number;
}

/** @param lines each a JSON object, blank ones are passed over. @param refuse called for each line, counted from 1, that is refused. */
export type ImportUsers = (lines: AsyncIterable<Uint8Array>, refuse: (line: number, reason: string) => void) => Promise<ImportResult>;

interface Row {
  readonly line: number;
  readonly user: ImportedUser;
}

/**
 * Imports accounts of another system with the hashes of their passwords, which are made anew as their people log in. No mail leaves. It
 * can be repeated: what was committed is skipped, so that an import that was stopped goes on where it was.
 */
export function createImportUsers({ inTransaction, clock, defaultRegion }: ImportUsersPorts): ImportUsers {
  return async (lines, refuse) => {
    const counts = { imported: 0, skipped: 0, refused: 0 };
    const reject = (line: number, reasons: readonly string[]) => {
      counts.refused += 1;
      refuse(line, reasons.join('; '));
    };
    const commit = async (rows: readonly Row[]) => {
      const { imported, clashes } = await store(rows);
      counts.imported += imported;
      for (const { line, field } of clashes) {
        if (field === 'email') counts.skipped += 1;
        else reject(line, [`${field} is taken by another account`]);
      }
    };

    let rows: Row[] = [];
    let line = 0;
    for await (const bytes of lines) {
      line += 1;
      if (isBlank(bytes)) continue;
      const parsed = parseImportedUser(bytes, { defaultRegion }, clock.now());
      if ('value' in parsed) rows.push({ line, user: parsed.value });
      else reject(line, parsed.refused);
      if (rows.length < BATCH) continue;
      await commit(rows);
      rows = [];
    }
    await commit(rows);
    return counts;
  };

  async function store(rows: readonly Row[]) {
    if (rows.length === 0) return { imported: 0, clashes: [] };
    const now = clock.now();
    const accounts = rows.map(({ line, user }) => ({
      line,
      // Ids are in the order in which accounts were made.
      user: userOf(uuidv7(user.createdAt.getTime()), user, now),
      passwordHash: user.passwordHash,
    }));
    return await inTransaction(async (tx) => {
      const inserted = await tx.imports.insert(accounts);
      for (const id of inserted) await tx.audit.append({ action: 'user-imported', actor: 'command-line', subject: id, at: now });
      // In one event, as there may be a million of them.
      const profiles = accounts.flatMap(({ user }) => (inserted.has(user.id) ? (profileToPublish(undefined, user) ?? []) : []));
      if (profiles.length > 0) await tx.outbox.append(userProfilesSnapshot, { profiles });
      const left = accounts.filter(({ user }) => !inserted.has(user.id));
      const fields = await tx.imports.clashes(left.map(({ user }) => user));
      // What clashed with an account that is gone by now is for the next time, like an e-mail that is there.
      return { imported: inserted.size, clashes: left.map(({ line }, index) => ({ line, field: fields[index] ?? ('email' as const) })) };
    });
  }
}

/** Nothing but spaces, tabs and a carriage return. */
const isBlank = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
