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
