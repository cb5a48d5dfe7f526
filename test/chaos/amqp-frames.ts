import type { Inspect } from '@stoa/service/testing';

/** AMQP 0-9-1 §4.2.3: type, channel, size, payload, and one octet that ends the frame. */
const HEADER_BYTES = 7;
const METHOD = 1;
const BASIC_ACK = (60 << 16) | 80;

/**
 * Cuts a connection where it hurts most: the broker has taken a message and says so, and the publisher never hears it.
 * `basic.ack` comes from a broker in no other case than as a confirm. @param cuts is asked at each.
 */
export function cutAtConfirm(cuts: () => boolean): () => Inspect {
  return () => {
    let rest: Buffer = Buffer.alloc(0);
    return (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      let end = 0;
      while (rest.length >= end + HEADER_BYTES) {
        const size = HEADER_BYTES + rest.readUInt32BE(end + 3) + 1;
        if (rest.length < end + size) break;
        const isConfirm = rest[end] === METHOD && rest.readUInt32BE(end + HEADER_BYTES) === BASIC_ACK;
        if (isConfirm && cuts()) return 'cut';
        end += size;
      }
      const whole = rest.subarray(0, end);
      rest = rest.subarray(end);
      return whole;
    };
  };
}
