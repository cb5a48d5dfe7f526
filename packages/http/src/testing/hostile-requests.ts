/** A route to be tried. */
export interface Target {
  readonly method: string;
  readonly path: string;
  /** Headers that a well-meant request has too: `authorization` for example. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A body that the route would accept, with all of its fields; absent when it takes none. */
  readonly body?: Readonly<Record<string, unknown>>;
}

export interface HostileRequest {
  /** What is wrong with it. */
  readonly name: string;
  /** The answers that are right; any of them as a problem. */
  readonly allowed: readonly number[];
  readonly bytes: Buffer;
}

const REFUSED = [400];
/** By what is in it, or by its length alone where the route takes no more. */
const REFUSED_OR_TOO_LARGE = [400, 413];
const TOO_LARGE = [413];
const HEADERS_TOO_LARGE = [431];
const UNSUPPORTED = [415];

/**
 * Everything bad that can be sent to a route. The first group is wrong for any route, the second for one that reads bodies, the
 * third for one that takes the fields of `body`. A route that asks for credentials before it reads may answer 401 to the
 * latter two, unless the target has them.
 */
export function hostileRequests(target: Target): HostileRequest[] {
  const readsBodies = ['POST', 'PUT', 'PATCH'].includes(target.method);
  return [
    ...againstAnyRoute(target),
    ...(readsBodies ? againstBodies(target) : []),
    ...(readsBodies && target.body !== undefined ? againstFields(target, target.body) : []),
  ];
}

function againstAnyRoute(target: Target): HostileRequest[] {
  const { method, path } = target;
  const line = `${method} ${path} HTTP/1.1`;
  const head = (name: string, first: string, headers: string, allowed = REFUSED): HostileRequest => ({
    name,
    allowed,
    bytes: Buffer.from(`${first}\r\n${headers}\r\n`, 'latin1'),
  });
  return [
    head('no HTTP', 'hello', ''),
    head('an unknown method', `STEAL ${path} HTTP/1.1`, 'host: a\r\n'),
    head('no Host', line, ''),
    head('two Hosts', line, 'host: a\r\nHOST: a\r\n'),
    head('HTTP/2 in clear', 'PRI * HTTP/2.0', '\r\nSM\r\n'),
    head('huge headers', line, `host: a\r\nx-much: ${'a'.repeat(20_000)}\r\n`, HEADERS_TOO_LARGE),
    head('very many headers', line, `host: a\r\n${'x-many: a\r\n'.repeat(3_000)}`, HEADERS_TOO_LARGE),
    head('an overlong query', `${method} ${path}?${'a'.repeat(20_000)} HTTP/1.1`, 'host: a\r\n', HEADERS_TOO_LARGE),
    head('an overlong path', `${method} ${path}/${'a'.repeat(20_000)} HTTP/1.1`, 'host: a\r\n', HEADERS_TOO_LARGE),
    head('a path that is not UTF-8', `${method} ${path}/%ff HTTP/1.1`, 'host: a\r\n'),
    head('a path with half an escape', `${method} ${path}/%4 HTTP/1.1`, 'host: a\r\n'),
    head('a control character in a header', line, 'host: a\r\nx-evil: a\u0001b\r\n'),
    head('NUL in a header', line, 'host: a\r\nx-evil: a\u0000b\r\n'),
    head('a header with a space in its name', line, 'host: a\r\nx evil: a\r\n'),
    head('a header without a name', line, 'host: a\r\n: a\r\n'),
    head('a folded header', line, 'host: a\r\nx-evil: a\r\n b\r\n\u0001'),
    head('two lengths', line, 'host: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n'),
    head('a negative length', line, 'host: a\r\ncontent-length: -1\r\n'),
    head('a length that is no number', line, 'host: a\r\ncontent-length: 0x10\r\n'),
    head('a length and chunks', line, 'host: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n'),
    head('an unknown encoding after chunked', line, 'host: a\r\ntransfer-encoding: chunked, evil\r\n'),
  ];
}

function againstBodies(target: Target): HostileRequest[] {
  const json = (name: string, body: string | Buffer, allowed = REFUSED) => ({ name, allowed, bytes: withBody(target, body) });
  const typed = (name: string, type: string | undefined, body = '{}') => ({
    name,
    allowed: UNSUPPORTED,
    bytes: withBody(target, body, type === undefined ? {} : { 'content-type': type }),
  });
  const deep = `${'{"a":['.repeat(50)}1${']}'.repeat(50)}`;
  return [
    json('malformed JSON', '{"email":'),
    json('an empty body', ''),
    json('two documents', '{}{}'),
    json('a comment', '{} // x'),
    json('bytes that are not UTF-8', Buffer.from('{"name":"\xff\xfe"}', 'latin1')),
    json('overlong UTF-8', Buffer.from('{"name":"\xc0\x80"}', 'latin1')),
    json('NUL in the document', '{"name":\u0000"a"}'),
    json('NUL in a text', '{"name":"a\\u0000b"}'),
    json('NUL in a name', '{"na\\u0000me":"b"}'),
    json('a lone surrogate', '{"name":"\\ud800"}'),
    json('100 levels', deep),
    json('8000 levels', '['.repeat(8_000)),
    json('100000 levels', '['.repeat(100_000), REFUSED_OR_TOO_LARGE),
    json('8000 lists', `[${'[],'.repeat(2_600)}[]]`),
    json('a prototype key', '{"__proto__":{"isAdmin":true}}'),
    json('a constructor key', '{"constructor":{"prototype":{"isAdmin":true}}}'),
    json('10 MB', Buffer.alloc(10_000_000, 'a'), TOO_LARGE),
    { name: '2 MiB in chunks', allowed: TOO_LARGE, bytes: inChunks(target, 32, 65_536) },
    { name: 'a chunk without a size', allowed: REFUSED, bytes: head(target, { 'transfer-encoding': 'chunked' }, 'zz\r\n{}\r\n0\r\n\r\n') },
    typed('a form', 'application/x-www-form-urlencoded', 'name=a'),
    typed('XML', 'application/xml', '<a/>'),
    typed('text that looks like JSON', 'text/plain'),
    typed('no type', undefined),
    typed('a type that is none', 'json'),
  ];
}

function againstFields(target: Target, body: Readonly<Record<string, unknown>>): HostileRequest[] {
  const refused = (name: string, value: unknown, allowed = REFUSED) => ({ name, allowed, bytes: withBody(target, write(value)) });
  const wrong: [string, unknown, number[]?][] = [
    ['a number', 5],
    ['a huge number', HUGE],
    ['a boolean', true],
    ['null', null],
    ['a list', ['a']],
    ['an object', { $gt: '' }],
    ['CRLF', 'a\r\nBcc: evil@example.com'],
    ['a line separator', 'a\u2028b'],
    ['an escape sequence', 'a\u001b[31mb'],
    ['12000 characters', 'a'.repeat(12_000)],
    ['24000 characters', 'a'.repeat(24_000), REFUSED_OR_TOO_LARGE],
  ];
  return [
    refused('a list instead of an object', [body]),
    refused('a text instead of an object', 'text'),
    // A body without fields may as well be absent.
    ...(Object.keys(body).length > 0 ? [refused('nothing in it', {}), refused('null instead of an object', null)] : []),
    refused('an unknown field', { ...body, isAdmin: true }),
    refused('many unknown fields', { ...body, ...unknownFields(900) }),
    refused('very many unknown fields', { ...body, ...unknownFields(20_000) }, REFUSED_OR_TOO_LARGE),
    refused('a long unknown field', { ...body, ['a'.repeat(10_000)]: 1 }),
    ...Object.keys(body).flatMap((field) =>
      wrong.map(([name, value, allowed]) => refused(`${name} as ${field}`, { ...body, [field]: value }, allowed)),
    ),
  ];
}

const unknownFields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, n]));

/** Stands for a number that JSON can write and a double cannot hold. */
const HUGE = '\u0007huge';
const write = (value: unknown) => JSON.stringify(value).replaceAll(JSON.stringify(HUGE), `1${'0'.repeat(400)}`);

const JSON_TYPE = { 'content-type': 'application/json' };

function withBody(target: Target, body: string | Buffer, headers: Record<string, string> = JSON_TYPE): Buffer {
  const bytes = Buffer.from(body);
  return head(target, { ...headers, 'content-length': String(bytes.length) }, bytes);
}

function inChunks(target: Target, count: number, size: number): Buffer {
  const chunk = `${size.toString(16)}\r\n${'a'.repeat(size)}\r\n`;
  return head(target, { 'transfer-encoding': 'chunked' }, `${chunk.repeat(count)}0\r\n\r\n`);
}

function head({ method, path, headers }: Target, more: Record<string, string>, body: string | Buffer): Buffer {
  const type = 'transfer-encoding' in more ? JSON_TYPE : {};
  const lines = Object.entries({ host: 'a', ...type, ...headers, ...more }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), Buffer.from(body)]);
}
