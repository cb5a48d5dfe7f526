import { page } from '@stoa/http/pages';
import type { Backend } from '../backends/backend.ts';

/** The frame of our pages, with links to those of the gateway and to what a service behind it shows. */
export type Frame = (parts: Omit<Parameters<typeof page>[0], 'nav'>) => string;

export function createFrame(backends: readonly Backend[]): Frame {
  const nav = [
    ['/docs', 'API'],
    ...(hasMailbox(backends) ? ([['/mailbox', 'Mailbox']] as const) : []),
    ['/problems', 'Errors'],
    ['/health/ready', 'Health'],
  ] as const;
  return (parts) => page({ ...parts, nav });
}

/** Whether mails stay in this installation: the mailer shows them then. */
export const hasMailbox = (backends: readonly Backend[]): boolean =>
  backends.some(({ routes }) => routes.some(({ url }) => url === '/mailbox'));
