import type { DestinationStream } from 'pino';

/** JSON lines for programs; in a terminal the same lines laid out for a reader. */
export async function logDestination(): Promise<DestinationStream> {
  if (!process.stdout.isTTY) {
    const { destination } = await import('pino');
    return destination({ dest: 1, sync: false });
  }
  const { default: pretty } = await import('pino-pretty');
  return pretty({ translateTime: 'SYS:HH:MM:ss.l', ignore: 'service,correlationId', messageFormat: '{service} {msg}', sync: true });
}
