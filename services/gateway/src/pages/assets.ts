import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Http } from '@stoa/http';

const FILES = [
  ['stoa.css', 'text/css; charset=utf-8'],
  ['icon.svg', 'image/svg+xml'],
] as const;

/** The stylesheet and the icon that the pages share. They are asked for anew each time: a page never meets those of an older version. */
export function serveAssets(http: Http): void {
  for (const [name, type] of FILES) {
    const content = readFileSync(new URL(name, import.meta.url), 'utf8');
    const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 16)}"`;
    http.get(`/assets/${name}`, { schema: { hide: true } }, async (_request, reply) =>
      reply.type(type).headers({ 'cache-control': 'no-cache', etag }).send(content),
    );
  }
}
