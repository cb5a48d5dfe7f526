/** Why the embedded Postgres cannot serve: `message` is the cause in one line, `fix` what the operator can do about it. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
  readonly fix: string;

  constructor(message: string, fix: string, options?: ErrorOptions) {
    super(message, options);
    this.fix = fix;
  }
}

/** The remedy that always remains. */
export const OWN_POSTGRES = 'set DATABASE_URL to a Postgres server (15 to 18) of your own';
