import { type DestinationStream, destination } from 'pino';

const BATCH_BYTES = 32_768;
const BATCH_MS = 100;
/** A character is three bytes of UTF-8 at most (two of UTF-16 for four). */
const BYTES_PER_CHARACTER = 3;

/** JSON lines for programs; in a terminal the same lines laid out for a reader. */
export async function logDestination(): Promise<DestinationStream> {
  if (!process.stdout.isTTY) return inBatches(1);
  const { default: pretty } = await import('pino-pretty');
  return pretty({ translateTime: 'SYS:HH:MM:ss.l', ignore: 'service', messageFormat: '{service} {msg}', singleLine: true, sync: true });
}

/**
 * Writes lines in batches, on another thread: a write per line would cost more than the line. They wait as bytes, which cost the garbage
 * collector nothing. A kill can lose the lines of a tenth of a second; a process that exits or throws loses none.
 */
export function inBatches(to: number | string): DestinationStream & { flushSync(): void } {
  const batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
  let used = 0;
  let timer: NodeJS.Timeout | undefined;

  function pass(): void {
    clearTimeout(timer);
    timer = undefined;
    if (used === 0) return;
    hand(Buffer.copyBytesFrom(batch, 0, used));
    used = 0;
  }

  // The type knows text alone, which this stream does not take: it is made for bytes.
  const hand = (bytes: Buffer): void => void stream.write(bytes as unknown as string);

  function flushSync(): void {
    pass();
    stream.flushSync();
  }

  // Before the listeners of the stream, which then ends itself.
  process.on('beforeExit', pass);
  process.on('exit', flushSync);
  const stream = destination({ dest: to, sync: false, minLength: 0, contentMode: 'buffer' });
  return {
    write(line) {
      const most = line.length * BYTES_PER_CHARACTER;
      if (used + most > BATCH_BYTES) pass();
      if (most > BATCH_BYTES) return hand(Buffer.from(line));
      used += batch.write(line, used);
      timer ??= setTimeout(pass, BATCH_MS).unref();
    },
    flushSync,
  };
}
