import { messagingMigrations } from '@stoa/messaging';

/** The migrations of a mailer's database. */
export const mailerSources = [
  { name: 'messaging', directory: messagingMigrations },
  { name: 'mailer', directory: new URL('../../migrations/', import.meta.url) },
];
