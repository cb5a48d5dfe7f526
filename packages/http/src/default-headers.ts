import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** Names in lower case. Each response has its own. */
type Defaults = Record<string, string>;

const kDefaults = Symbol('stoa.defaultHeaders');

type Response = ServerResponse & { [kDefaults]?: Defaults };

/**
 * Gives the response headers that it carries unless the answer sets another value under the same name, whether a service, the proxy or the
 * cache writes it. They join the answer's own when its head is written, all at once: setting each first would cost more than the route.
 */
export function setDefaultHeaders(response: ServerResponse, headers: Defaults): void {
  (response as Response)[kDefaults] = headers;
  response.writeHead = writeHead as ServerResponse['writeHead'];
}

/** Adds one, over that of the same name. */
export function setDefaultHeader(response: ServerResponse, name: string, value: string): void {
  const defaults = (response as Response)[kDefaults];
  if (defaults === undefined) setDefaultHeaders(response, { [name]: value });
  else defaults[name] = value;
}

export const defaultHeader = (response: ServerResponse, name: string): string | undefined => (response as Response)[kDefaults]?.[name];

/** Removes one, for code that sets it itself or checks that nothing else has. */
export function dropDefaultHeader(response: ServerResponse, name: string): void {
  const defaults = (response as Response)[kDefaults];
  if (defaults !== undefined) delete defaults[name];
}

/** Removes all, where another hop adds them. */
export function dropDefaultHeaders(response: ServerResponse): void {
  (response as Response)[kDefaults] = {};
}

type Given = OutgoingHttpHeaders | readonly string[];

function writeHead(this: Response, status: number, reason?: string | Given, given?: Given): ServerResponse {
  const defaults = this[kDefaults] ?? {};
  const [message, headers] = typeof reason === 'string' ? [reason, given] : [undefined, reason];
  const write = Object.getPrototypeOf(this).writeHead as (...args: unknown[]) => ServerResponse;
  if (this.getHeaderNames().length === 0 && !Array.isArray(headers)) return write.call(this, status, message, { ...defaults, ...headers });
  for (const name in defaults) if (!this.hasHeader(name)) this.setHeader(name, defaults[name] as string);
  return write.call(this, status, message, headers);
}
