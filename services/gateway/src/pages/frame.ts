import type { Http } from '@stoa/http';
import { page } from '@stoa/http/pages';
import type { Service } from '@stoa/service';

/** The frame of the house's pages, with links to those of the gateway and to what a service behind it shows. */
export type Frame = (parts: Omit<Parameters<typeof page>[0], 'nav'>) => string;

export function createFrame(services: readonly Service[]): Frame {
  const nav = [
    ['/docs', 'API'],
    ...(hasMailbox(services) ? ([['/mailbox', 'Mailbox']] as const) : []),
    ['/problems', 'Errors'],
    ['/health/ready', 'Health'],
  ] as const;
  return (parts) => page({ ...parts, nav });
}

/** Whether mails stay in this house: the mailer shows them then. */
export const hasMailbox = (services: readonly Service[]): boolean =>
  services.some(({ http }) => (http as Http).declaredRoutes.some(({ url }) => url === '/mailbox'));
