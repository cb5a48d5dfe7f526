import { randomBytes } from 'node:crypto';

/** Prints a fresh `STOA_SECRET`: 32 random bytes in base64. */
export async function printSecret(): Promise<void> {
  console.log(randomBytes(32).toString('base64'));
}
