import type { Outgoing } from '../broker.ts';

/** A message with its bytes. */
export interface Sendable extends Outgoing {
  readonly body: Buffer;
}

/** A server may be told to take little in one message; what holds a single message is as large as that. */
const MOST_BYTES = 1024 * 1024;

const [OPEN, COMMA, CLOSE] = ['[', ',', ']'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

/** What observers get: the messages of a type together, as an array. One each would double what is sent, and mostly nobody observes. */
export function digests(sendable: readonly Sendable[]): { type: string; body: Buffer }[] {
  const made: { type: string; body: Buffer }[] = [];
  for (const [type, items] of Map.groupBy(sendable, ({ message }) => message.type)) {
    let parts: Buffer[] = [];
    let bytes = 0;
    const finish = (): void => {
      made.push({ type, body: Buffer.concat([OPEN, ...parts.slice(1), CLOSE]) });
      parts = [];
      bytes = 0;
    };
    for (const { body } of items) {
      if (bytes > 0 && bytes + body.length > MOST_BYTES) finish();
      parts.push(COMMA, body);
      bytes += body.length;
    }
    finish();
  }
  return made;
}
