import { messagingMigrations } from '@stoa/messaging';
import { platformMigrations } from '@stoa/postgres';

/** The migrations of a mailer's database. */
export const mailerSources = [
  { name: 'messaging', directory: messagingMigrations },
  platformMigrations,
  { name: 'mailer', directory: new URL('../../migrations/', import.meta.url) },
];
