/** Another back end that may do some things here. Its key is shown once and kept as a digest alone. */
export interface ServiceAccount {
  readonly id: string;
  readonly name: string;
  /** The beginning of its key, for people. */
  readonly prefix: string;
  readonly permissions: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
}

/** What is wrong with the time at which a key is to stop working, as it was typed; absent or null: never. */
export const expiryRefusals = (expiresAt: string | null | undefined, now: Date): { field: 'expiresAt'; message: string }[] =>
  expiresAt === undefined || expiresAt === null || new Date(expiresAt) > now
    ? []
    : [{ field: 'expiresAt', message: 'must be in the future' }];
