export { checkViolation, exclusionViolation, foreignKeyViolation, uniqueViolation } from './constraint-violations.ts';
export { createDatabase, type DatabaseOptions } from './create-database.ts';
export type { Database } from './database.ts';
export { ensureDatabase, type EnsureDatabaseOptions } from './ensure-database.ts';
export { migrate, type MigrateOptions, MigrationError, type MigrationSource } from './migrate.ts';
