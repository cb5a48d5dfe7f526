import { argon2, randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';

/** Bare argon2id: `argon2id.ts MEMORY_KIB PASSES COUNT` prints hashes per second with as many workers as the product uses. */
const [memory, passes, count] = process.argv.slice(2).map(Number) as [number, number, number];
const derive = promisify(argon2);
let left = count;
const worker = async () => {
  while (left-- > 0)
    await derive('argon2id', { message: 'pass phrase 0123456789', nonce: randomBytes(16), parallelism: 1, tagLength: 32, memory, passes });
};
const begun = performance.now();
await Promise.all(Array.from({ length: availableParallelism() }, worker));
console.log(count / ((performance.now() - begun) / 1000));
