export { checkViolation, exclusionViolation, foreignKeyViolation, uniqueViolation } from './constraint-violations.ts';
export { createDatabase, type DatabaseOptions } from './create-database.ts';
export type { Database } from './database.ts';
export { describeSchema } from './describe-schema.ts';
export { EmbeddedPostgresError } from './embedded/embedded-postgres-error.ts';
export { identify, isAlive, type ProcessIdentity } from './embedded/processes.ts';
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded/start-embedded-postgres.ts';
export { ensureDatabase, type EnsureDatabaseOptions } from './ensure-database.ts';
export { migrate, type MigrateOptions, MigrationError, type MigrationSource } from './migrate.ts';
