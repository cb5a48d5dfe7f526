import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** By lower-cased name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/**
 * Sends these very bytes over a socket of its own, however wrong they are, and reads the first final answer.
 * @param url of the server; its path is not looked at.
 * @param timeoutMs how long the answer may take.
 * @throws when the server hangs up without a whole answer, or is too slow.
 */
export function sendRaw(url: string, bytes: string | Uint8Array, timeoutMs = 10_000): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const socket = connect(Number(port), hostname);
  let received = '';
  const settle = (isOver: boolean) => {
    const answer = parseAnswer(received, isOver);
    if (answer !== undefined) resolve(answer);
    else if (isOver) reject(new Error(`no whole answer: ${JSON.stringify(received.slice(0, 500))}`));
    if (answer !== undefined || isOver) socket.destroy();
  };
  socket.setTimeout(timeoutMs, () => settle(true));
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text;
    settle(false);
  });
  socket.on('end', () => settle(true));
  // What was refused may be cut off while it is still being sent: the answer counts.
  socket.on('error', () => settle(true));
  socket.write(bytes);
  return promise;
}

function parseAnswer(received: string, isOver: boolean): RawAnswer | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [statusLine = '', ...lines] = received.slice(0, end).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  const rest = received.slice(end + 4);
  if (status < 200) return parseAnswer(rest, isOver);
  const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
  const length = headers.get('content-length');
  const isWhole = length === undefined ? isOver : rest.length >= Number(length);
  if (!isWhole) return undefined;
  return { status, headers, body: Buffer.from(rest.slice(0, length === undefined ? undefined : Number(length)), 'latin1').toString() };
}
