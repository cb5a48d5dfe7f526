export { checkViolation, exclusionViolation, foreignKeyViolation, uniqueViolation } from './constraint-violations.ts';
export { createDatabase, type DatabaseOptions } from './create-database.ts';
export type { Database } from './database.ts';
export { describeSchema } from './describe-schema.ts';
export { EmbeddedPostgresError } from './embedded/embedded-postgres-error.ts';
export { identify, isAlive, type ProcessIdentity } from './embedded/processes.ts';
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded/start-embedded-postgres.ts';
export { type EnsureDatabaseOptions, ensureDatabase } from './ensure-database.ts';
export { type MigrateOptions, MigrationError, type MigrationSource, migrate, pendingMigrations } from './migrate.ts';
