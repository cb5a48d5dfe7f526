import type { IncomingMessage } from 'node:http';

/** A body of so many bytes at most is read before it is sent on: it leaves in one piece, and can be sent again. */
const SMALL_BYTES = 65_536;

/** Whether the request has a body (RFC 9112 §6.3). */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] !== undefined && headers['content-length'] !== '0');

export const isSmall = ({ headers }: IncomingMessage): boolean =>
  Number(headers['content-length'] ?? Number.POSITIVE_INFINITY) <= SMALL_BYTES;

/** Calls back with the whole body; not at all when the client leaves before it has sent it. */
export function readBody(request: IncomingMessage, onRead: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => void chunks.push(chunk));
  request.once('end', () => onRead(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
}

/** The body as it comes. A reader that does not want all of it leaves the rest to Node, and the connection as it is. */
export async function* streamBody(request: IncomingMessage, onClientGone: () => void): AsyncGenerator<Buffer> {
  try {
    yield* request.iterator({ destroyOnReturn: false });
  } catch (error) {
    onClientGone();
    throw error;
  } finally {
    // What the service did not read must still be read from the connection, or no further request comes over it.
    request.resume();
  }
}
