import { readFileSync } from 'node:fs';
import type { Http } from '@stoa/http';

const asset = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');

/** The stylesheet and the icon that the pages share. */
export function serveAssets(http: Http): void {
  const files = [
    ['stoa.css', 'text/css; charset=utf-8'],
    ['icon.svg', 'image/svg+xml'],
  ] as const;
  for (const [name, type] of files) {
    const content = asset(name);
    http.get(`/assets/${name}`, { schema: { hide: true } }, async (_request, reply) =>
      reply.type(type).header('cache-control', 'public, max-age=3600').send(content),
    );
  }
}
