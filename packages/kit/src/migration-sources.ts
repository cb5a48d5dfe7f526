import { messagingMigrations } from '@stoa/messaging';
import type { MigrationSource } from '@stoa/postgres';
import { taskMigrations } from '@stoa/tasks';

/** The tables of this package. Databases keep the name that the source had at first. */
const platformMigrations: MigrationSource = { name: 'house', directory: new URL('../migrations/', import.meta.url) };

/**
 * The migrations of a service's database, in the order in which they run: those of messaging, of this package, of tasks, of other packages
 * that it names, and its own.
 */
export const migrationSourcesOf = ({
  name,
  packageMigrations = [],
  migrations,
}: {
  readonly name: string;
  readonly packageMigrations?: readonly MigrationSource[];
  readonly migrations?: URL;
}): readonly MigrationSource[] => [
  { name: 'messaging', directory: messagingMigrations },
  platformMigrations,
  taskMigrations,
  ...packageMigrations,
  ...(migrations === undefined ? [] : [{ name, directory: migrations }]),
];
