import { createHash, randomBytes } from 'node:crypto';
import type { SetUpCodeMaker } from '../application/permission-ports.ts';

const digestOf = (code: string): Buffer => createHash('sha256').update(code).digest();

/** 256 random bits need no key and no salt in their digest. */
export const setUpCodeMaker: SetUpCodeMaker = {
  make() {
    const code = randomBytes(32).toString('base64url');
    return { code, digest: digestOf(code) };
  },
  digestOf,
};
