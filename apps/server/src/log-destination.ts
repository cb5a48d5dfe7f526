import type { DestinationStream } from 'pino';

/** A write per line would cost more than the line; what a crash can take with it is a tenth of a second. */
export const BUFFERED = { sync: false, minLength: 4096, periodicFlush: 100 } as const;

/** JSON lines for programs; in a terminal the same lines laid out for a reader. */
export async function logDestination(): Promise<DestinationStream> {
  if (!process.stdout.isTTY) {
    const { destination } = await import('pino');
    return destination({ dest: 1, ...BUFFERED });
  }
  const { default: pretty } = await import('pino-pretty');
  return pretty({ translateTime: 'SYS:HH:MM:ss.l', ignore: 'service', messageFormat: '{service} {msg}', singleLine: true, sync: true });
}
