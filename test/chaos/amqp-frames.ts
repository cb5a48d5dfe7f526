import type { Inspect } from '@stoa/service/testing';
import { inspectFrames } from './frames.ts';

/** AMQP 0-9-1 §4.2.3: type, channel, size, payload, and one octet that ends the frame. */
const HEADER_BYTES = 7;
const METHOD = 1;
const BASIC_ACK = (60 << 16) | 80;

/**
 * Cuts a connection where it hurts most: the broker has accepted a message and confirms it, and the publisher never receives the confirm.
 * A broker sends `basic.ack` only as a confirm. @param cuts is called at each.
 */
export function cutAtConfirm(cuts: () => boolean): () => Inspect {
  return () =>
    inspectFrames({
      headerBytes: HEADER_BYTES,
      sizeOf: (bytes, at) => HEADER_BYTES + bytes.readUInt32BE(at + 3) + 1,
      look: (frame) => (frame[0] === METHOD && frame.readUInt32BE(HEADER_BYTES) === BASIC_ACK && cuts() ? 'cut' : undefined),
    });
}
