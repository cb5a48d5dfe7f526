import { randomFillSync } from 'node:crypto';

const random = new Uint8Array(10 * 256);
let offset = random.length;

/** A UUID version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then 74 random bits. Sorts by time of making. */
export function uuidv7(now: number = Date.now()): string {
  if (offset === random.length) {
    randomFillSync(random);
    offset = 0;
  }
  const bytes = random.subarray(offset, offset + 10);
  offset += 10;
  const time = now.toString(16).padStart(12, '0');
  bytes[0] = 0x70 | ((bytes[0] as number) & 0x0f);
  bytes[2] = 0x80 | ((bytes[2] as number) & 0x3f);
  const tail = Buffer.from(bytes).toString('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-${tail.slice(0, 4)}-${tail.slice(4, 8)}-${tail.slice(8)}`;
}
