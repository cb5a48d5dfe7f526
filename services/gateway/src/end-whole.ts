import type { ServerResponse } from 'node:http';

const ONE_WRITE_BYTES = 8_192;

/** Ends with a whole body. A short one, as text, is sent in a single write with the head; for a longer one the copy would cost more. */
export function endWhole(response: ServerResponse, body: Buffer): void {
  if (body.length > ONE_WRITE_BYTES) response.end(body);
  else response.end(body.toString('latin1'), 'latin1');
}
