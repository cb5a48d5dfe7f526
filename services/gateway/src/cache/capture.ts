import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** What was to leave on a response. */
export interface Captured {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

export interface CaptureOptions {
  readonly maxBytes: number;
  /** Whether it is worth capturing, judged by its head. If not, it is sent unchanged. */
  isWanted(status: number, headers: OutgoingHttpHeaders): boolean;
  /** It is complete, and nothing of it has been sent: the callback decides what is sent. */
  onComplete(captured: Captured): void;
  /** It is sent, or aborted, without being captured. */
  onMissed(reason: 'not wanted' | 'too large' | 'aborted'): void;
}

const METHODS = ['writeHead', 'flushHeaders', 'write', 'end'] as const;

type Callback = (error?: Error | null) => void;

/**
 * Holds back what is written to a response, by a service's own instance in this process or by the proxy. Both write it whole
 * in most cases; a larger one goes on from where it was.
 */
export function capture(response: ServerResponse, { maxBytes, isWanted, onComplete, onMissed }: CaptureOptions): void {
  /** They may be overridden already, and are then put back. */
  const before = METHODS.map((name) => [name, Object.getOwnPropertyDescriptor(response, name)] as const);
  const chunks: Buffer[] = [];
  let bytes = 0;
  let isOpen = true;
  let isJudged = false;

  const onClose = () => {
    if (isOpen) onMissed('aborted');
  };
  response.once('close', onClose);

  function release(): void {
    isOpen = false;
    response.off('close', onClose);
    for (const [name, own] of before) {
      if (own !== undefined) Object.defineProperty(response, name, own);
      // The method of its class is used again.
      else delete (response as Partial<ServerResponse>)[name];
    }
  }

  function letGo(reason: 'not wanted' | 'too large'): void {
    release();
    onMissed(reason);
    for (const chunk of chunks) response.write(chunk);
  }

  /** @returns whether it is held back. */
  function take(chunk: unknown, encoding: BufferEncoding | undefined): boolean {
    if (!isJudged) {
      isJudged = true;
      if (!isWanted(response.statusCode, response.getHeaders())) letGo('not wanted');
    }
    if (!isOpen || chunk === undefined || chunk === null) return isOpen;
    const taken = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk as Uint8Array);
    if (bytes + taken.length > maxBytes) letGo('too large');
    else {
      chunks.push(taken);
      bytes += taken.length;
    }
    return isOpen;
  }

  response.writeHead = ((status: number, ...rest: unknown[]) => {
    response.statusCode = status;
    if (typeof rest[0] === 'string') response.statusMessage = rest.shift() as string;
    setAll(response, rest[0]);
    return response;
  }) as ServerResponse['writeHead'];

  response.flushHeaders = () => {};

  response.write = ((chunk: unknown, encoding?: BufferEncoding | Callback, callback?: Callback) => {
    const [as, then] = typeof encoding === 'function' ? [undefined, encoding] : [encoding, callback];
    if (!take(chunk, as)) return response.write(chunk, as as BufferEncoding, then);
    if (then) process.nextTick(then);
    return true;
  }) as ServerResponse['write'];

  response.end = ((...given: unknown[]) => {
    const then = given.find((each): each is () => void => typeof each === 'function');
    const [chunk, encoding] = given.filter((each) => typeof each !== 'function') as [unknown, BufferEncoding | undefined];
    if (!take(chunk, encoding)) return response.end(chunk, encoding as BufferEncoding, then);
    release();
    if (then) response.once('finish', then);
    onComplete({ status: response.statusCode, headers: response.getHeaders(), body: Buffer.concat(chunks) });
    return response;
  }) as ServerResponse['end'];
}

/** The forms that Node takes: an object, pairs in a row, or pairs. */
function setAll(response: ServerResponse, headers: unknown): void {
  if (headers === undefined || headers === null) return;
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value as OutgoingHttpHeader);
    return;
  }
  const pairs = Array.isArray(headers[0]) ? headers : Array.from({ length: headers.length / 2 }, (_, n) => headers.slice(2 * n, 2 * n + 2));
  const set = new Set<string>();
  for (const [name, value] of pairs as [string, string][]) {
    if (set.has(name.toLowerCase())) response.appendHeader(name, value);
    else response.setHeader(name, value);
    set.add(name.toLowerCase());
  }
}
