import type { MigrationSource } from '@stoa/postgres';

/** The tables of tasks, which come after those of messaging and before a service's own. */
export const taskMigrations: MigrationSource = { name: 'tasks', directory: new URL('../migrations/', import.meta.url) };
