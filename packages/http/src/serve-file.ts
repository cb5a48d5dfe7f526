import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Http } from './create-http.ts';
import { PAGE_CSP } from './security-headers.ts';

/** Serves a file, which is read once. Clients revalidate it each time (304 if it is the same): a page never gets an older script. */
export function serveFile(http: Http, path: string, file: URL, type: string): void {
  const content = readFileSync(file);
  const headers = {
    'cache-control': 'no-cache',
    etag: `"${createHash('sha256').update(content).digest('base64url').slice(0, 16)}"`,
    ...(type.startsWith('text/html') && { 'content-security-policy': PAGE_CSP }),
  };
  http.get(path, { schema: { hide: true } }, async (_request, reply) => reply.type(type).headers(headers).send(content));
}
