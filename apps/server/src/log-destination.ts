import { type DestinationStream, destination } from 'pino';

const BATCH_CHARACTERS = 16_384;
const BATCH_MS = 100;

/** JSON lines for programs; in a terminal the same lines laid out for a reader. */
export async function logDestination(): Promise<DestinationStream> {
  if (!process.stdout.isTTY) return inBatches(1);
  const { default: pretty } = await import('pino-pretty');
  return pretty({ translateTime: 'SYS:HH:MM:ss.l', ignore: 'service', messageFormat: '{service} {msg}', singleLine: true, sync: true });
}

/**
 * Writes lines many at a time, by another thread: a write per line would cost more than the line. What a kill can take with it is a tenth
 * of a second; whoever exits, or throws, leaves with all of them written.
 */
export function inBatches(to: number | string): DestinationStream & { flushSync(): void } {
  let lines = '';
  let timer: NodeJS.Timeout | undefined;

  function pass(): void {
    clearTimeout(timer);
    timer = undefined;
    if (lines === '') return;
    stream.write(lines);
    lines = '';
  }

  function flushSync(): void {
    pass();
    stream.flushSync();
  }

  // Before those of the stream, which ends itself then.
  process.on('beforeExit', pass);
  process.on('exit', flushSync);
  const stream = destination({ dest: to, sync: false, minLength: 0 });
  return {
    write(line) {
      lines += line;
      if (lines.length >= BATCH_CHARACTERS) pass();
      else timer ??= setTimeout(pass, BATCH_MS).unref();
    },
    flushSync,
  };
}
