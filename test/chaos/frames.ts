import type { Inspect } from '@stoa/service/testing';

interface Protocol {
  /** So many bytes are needed to know the length of a frame. */
  readonly headerBytes: number;
  /** The size of the frame that begins at `at`, in bytes. */
  sizeOf(bytes: Buffer, at: number): number;
  /** What happens to the connection at this frame; frames before it may or may not have passed. */
  look(frame: Buffer): 'cut' | 'hang' | undefined;
}

/** Inspects each frame of a protocol as soon as it is complete; an incomplete frame is held back until then. */
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
