import { randomFillSync } from 'node:crypto';

/** Filled at once and used up bit by bit: a call to the system's generator for each id would cost more than the id. */
const pool = Buffer.alloc(4096);
let offset = pool.length;

/** Random bytes from a CSPRNG, each handed out once, as lower-case hex; at most 4096. */
export function randomHex(bytes: number): string {
  if (offset + bytes > pool.length) {
    randomFillSync(pool);
    offset = 0;
  }
  offset += bytes;
  return pool.toString('hex', offset - bytes, offset);
}

const VARIANTS = ['8', '9', 'a', 'b'];
const LAST_COUNT = 0xfff;
let lastMillisecond = 0;
let count = 0;

/**
 * A UUID version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, a 12-bit counter that begins anywhere in its lower half with each
 * millisecond (§6.2, method 1), 62 random bits. Those that one process makes sort in the order of making.
 */
export function uuidv7(now: number = Date.now()): string {
  const random = randomHex(10);
  if (now === lastMillisecond) count = Math.min(count + 1, LAST_COUNT);
  else {
    lastMillisecond = now;
    count = Number.parseInt(random.slice(0, 3), 16) >> 1;
  }
  const time = now.toString(16).padStart(12, '0');
  const variant = VARIANTS[Number.parseInt(random[3] as string, 16) & 3];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count.toString(16).padStart(3, '0')}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}
