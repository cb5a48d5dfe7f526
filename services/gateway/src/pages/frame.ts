import { page } from '@stoa/http/pages';
import type { Behind } from '../behind/behind.ts';

/** The frame of our pages, with links to those of the gateway and to what a service behind it shows. */
export type Frame = (parts: Omit<Parameters<typeof page>[0], 'nav'>) => string;

export function createFrame(behind: readonly Behind[]): Frame {
  const nav = [
    ['/docs', 'API'],
    ...(hasMailbox(behind) ? ([['/mailbox', 'Mailbox']] as const) : []),
    ['/problems', 'Errors'],
    ['/health/ready', 'Health'],
  ] as const;
  return (parts) => page({ ...parts, nav });
}

/** Whether mails stay in this installation: the mailer shows them then. */
export const hasMailbox = (behind: readonly Behind[]): boolean => behind.some(({ routes }) => routes.some(({ url }) => url === '/mailbox'));
