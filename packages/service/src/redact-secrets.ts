/** Names whose values never reach a log, wherever they stand. In lower case, as they are compared. */
const SECRET_NAMES = new Set([
  'password',
  'newpassword',
  'currentpassword',
  'code',
  'token',
  'accesstoken',
  'refreshtoken',
  'apikey',
  'secret',
  'authorization',
  'cookie',
  'set-cookie',
]);

const MAX_DEPTH = 6;
const REDACTED = '[redacted]';

/**
 * The fields of a log line with the values of secret names replaced, to any depth that a line has. Copies only what it
 * changes: a line without secrets, the normal case, costs one look at each name.
 */
export function redactSecrets<T extends object>(fields: T): T {
  return redact(fields, 0) as T;
}

function redact(value: object, depth: number): object {
  let copy: Record<string, unknown> | undefined;
  for (const name in value) {
    const inner = value[name as keyof typeof value] as unknown;
    const safe = isSecret(name, inner) ? REDACTED : hasFields(inner) ? deeper(inner, depth) : inner;
    if (safe === inner) continue;
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
    copy[name] = safe;
  }
  return copy ?? value;
}

const isSecret = (name: string, value: unknown) => value !== undefined && value !== null && SECRET_NAMES.has(name.toLowerCase());

/** Errors go to their own serialiser, bytes are no names. */
const hasFields = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !(value instanceof Error) && !ArrayBuffer.isView(value);

const deeper = (value: object, depth: number) => (depth === MAX_DEPTH ? REDACTED : redact(value, depth + 1));
