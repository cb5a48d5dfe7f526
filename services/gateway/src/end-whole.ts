import type { ServerResponse } from 'node:http';

const ONE_WRITE_BYTES = 8_192;

/** Ends with a whole body. As text a short one leaves in one piece with the head, and not by a write of several; a longer one is dearer to copy. */
export function endWhole(response: ServerResponse, body: Buffer): void {
  if (body.length > ONE_WRITE_BYTES) response.end(body);
  else response.end(body.toString('latin1'), 'latin1');
}
