import type { Inspect } from '@stoa/service/testing';

interface Protocol {
  /** As many bytes tell how long a frame is. */
  readonly headerBytes: number;
  /** The size of the frame that begins at `at`, in bytes. */
  sizeOf(bytes: Buffer, at: number): number;
  /** What becomes of the connection, after the frames before this one have passed or not. */
  look(frame: Buffer): 'cut' | 'hang' | undefined;
}

/** Looks at each frame of a protocol as soon as all of it is there; a part of one is held back until then. */
export function inspectFrames({ headerBytes, sizeOf, look }: Protocol): Inspect {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    let end = 0;
    while (rest.length >= end + headerBytes) {
      const size = sizeOf(rest, end);
      if (rest.length < end + size) break;
      const fate = look(rest.subarray(end, end + size));
      if (fate !== undefined) return fate;
      end += size;
    }
    const whole = rest.subarray(0, end);
    rest = rest.subarray(end);
    return whole;
  };
}
