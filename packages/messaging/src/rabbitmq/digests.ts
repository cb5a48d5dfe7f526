import type { Outgoing } from '../broker.ts';

/** A message with its bytes. */
export interface Sendable extends Outgoing {
  readonly body: Buffer;
}

/** Messages of one type, for observers. */
export interface Digest {
  readonly type: string;
  readonly items: readonly Sendable[];
  /** The messages as an array. */
  readonly body: Buffer;
}

/** A server may be configured for small messages only; a digest of a single message is as large as that message. */
const MOST_BYTES = 1024 * 1024;

const [OPEN, COMMA, CLOSE] = ['[', ',', ']'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

/** What observers get: the messages of a type together, as an array. One by one they would double the traffic, mostly for nobody. */
export function digests(sendable: readonly Sendable[]): Digest[] {
  const made: Digest[] = [];
  for (const [type, items] of Map.groupBy(sendable, ({ message }) => message.type)) {
    let together: Sendable[] = [];
    let bytes = 0;
    const finish = (): void => {
      const parts = together.flatMap(({ body }) => [COMMA, body]);
      made.push({ type, items: together, body: Buffer.concat([OPEN, ...parts.slice(1), CLOSE]) });
      together = [];
      bytes = 0;
    };
    for (const item of items) {
      if (bytes > 0 && bytes + item.body.length > MOST_BYTES) finish();
      together.push(item);
      bytes += item.body.length;
    }
    finish();
  }
  return made;
}
