import { timingSafeEqual } from 'node:crypto';
import type { DeriveKey } from '@stoa/service';

/** `Service <caller>.<43 base64url characters>`. */
const HEADER = /^Service ([a-z][a-z0-9-]{0,62})\.([A-Za-z0-9_-]{43})$/;

const keyOf = (derive: DeriveKey, caller: string): Buffer => derive(`service:${caller}`);

/** The `Authorization` header by which `caller` shows the other services of Stoa itself who it is. */
export const serviceCredential = (derive: DeriveKey, caller: string): string =>
  `Service ${caller}.${keyOf(derive, caller).toString('base64url')}`;

/** The service that a header proves, compared in constant time; `undefined` when it proves none. */
export function verifyServiceCredential(derive: DeriveKey, header: string | undefined): string | undefined {
  const [, caller, key] = HEADER.exec(header ?? '') ?? [];
  if (caller === undefined || key === undefined) return undefined;
  return timingSafeEqual(Buffer.from(key, 'base64url'), keyOf(derive, caller)) ? caller : undefined;
}
