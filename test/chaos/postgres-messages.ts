import type { Inspect } from '@stoa/service/testing';
import { inspectFrames } from './frames.ts';

/** PostgreSQL's protocol, "Message Formats": type, and size without the type. */
const HEADER_BYTES = 5;
const [COMMAND_COMPLETE, READY_FOR_QUERY, IN_TRANSACTION] = [...Buffer.from('CZT')] as [number, number, number];

/** Answers of the server that a client is to lose. Each function is called at every answer of its kind. */
export interface Losses {
  /** Breaks the connection when a transaction has committed, and its client has not received the answer. */
  commit(): boolean;
  /** Has the connection hang when a statement of an open transaction is done, and its client has not received the answer. */
  statement(): boolean;
}

export function loseAnswers(losses: Losses): () => Inspect {
  return () =>
    inspectFrames({
      headerBytes: HEADER_BYTES,
      sizeOf: (bytes, at) => 1 + bytes.readUInt32BE(at + 1),
      look(message) {
        if (message[0] === COMMAND_COMPLETE && message.toString('latin1', HEADER_BYTES) === 'COMMIT\0' && losses.commit()) return 'cut';
        if (message[0] === READY_FOR_QUERY && message[HEADER_BYTES] === IN_TRANSACTION && losses.statement()) return 'hang';
        return undefined;
      },
    });
}
