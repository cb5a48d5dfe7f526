import type { Inspect } from '@stoa/service/testing';

/** PostgreSQL's protocol, "Message Formats": type, and size without the type. */
const HEADER_BYTES = 5;
const [COMMAND_COMPLETE, READY_FOR_QUERY, IN_TRANSACTION] = [...Buffer.from('CZT')] as [number, number, number];

/** Answers of the server that a client is to lose. Each is asked at every answer of its kind. */
export interface Losses {
  /** Breaks the connection when a transaction has committed, and its client has not heard of it. */
  commit(): boolean;
  /** Has the connection hang when a statement of an open transaction is done, and its client has not heard of it. */
  statement(): boolean;
}

export function loseAnswers(losses: Losses): () => Inspect {
  return () => {
    let rest: Buffer = Buffer.alloc(0);
    return (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      let end = 0;
      while (rest.length >= end + HEADER_BYTES) {
        const size = 1 + rest.readUInt32BE(end + 1);
        if (rest.length < end + size) break;
        const message = rest.subarray(end, end + size);
        if (message[0] === COMMAND_COMPLETE && message.toString('latin1', HEADER_BYTES) === 'COMMIT\0' && losses.commit()) return 'cut';
        if (message[0] === READY_FOR_QUERY && message[HEADER_BYTES] === IN_TRANSACTION && losses.statement()) return 'hang';
        end += size;
      }
      const whole = rest.subarray(0, end);
      rest = rest.subarray(end);
      return whole;
    };
  };
}
