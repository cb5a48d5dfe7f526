import { availableParallelism } from 'node:os';
import { hash } from 'bcrypt';

/** Bare bcrypt: `bcrypt.ts COST COUNT` prints hashes per second with as many workers as the product uses. */
const [cost, count] = process.argv.slice(2).map(Number) as [number, number];
let left = count;
const worker = async () => {
  while (left-- > 0) await hash('pass phrase 0123456789', cost);
};
const begun = performance.now();
await Promise.all(Array.from({ length: availableParallelism() }, worker));
console.log(count / ((performance.now() - begun) / 1000));
