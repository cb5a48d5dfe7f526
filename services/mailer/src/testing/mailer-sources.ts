import { messagingMigrations } from '@stoa/messaging';
import { houseMigrations } from '@stoa/postgres';

/** The migrations of a mailer's database. */
export const mailerSources = [
  { name: 'messaging', directory: messagingMigrations },
  { name: 'house', directory: houseMigrations },
  { name: 'mailer', directory: new URL('../../migrations/', import.meta.url) },
];
