import { mailer } from '@stoa/mailer';
import { users } from '@stoa/users';

/** Every service that has routes of its own, in the order they start. The gateway stands in front of them. */
export const serviceDefinitions = [users, mailer] as const;

export const serviceNames = serviceDefinitions.map((definition) => definition.name);
