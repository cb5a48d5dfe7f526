import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Http, PAGE_CSP } from '@stoa/http';

const FOLDER = new URL('./page/', import.meta.url);
const FILES = [
  { path: '/mailbox', file: 'mailbox.html', type: 'text/html; charset=utf-8' },
  { path: '/mailbox/assets/mailbox.css', file: 'mailbox.css', type: 'text/css; charset=utf-8' },
  { path: '/mailbox/assets/mailbox.js', file: 'mailbox.js', type: 'text/javascript; charset=utf-8' },
  { path: '/mailbox/assets/icon.svg', file: 'icon.svg', type: 'image/svg+xml' },
];

/** The page that shows the mailbox: four files, read once. */
export function installMailboxPage(http: Http): void {
  for (const { path, file, type } of FILES) {
    const content = readFileSync(new URL(file, FOLDER));
    const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 16)}"`;
    http.get(path, { schema: { hide: true } }, async ({ headers }, reply) => {
      void reply.headers({ 'content-security-policy': PAGE_CSP, 'cache-control': 'no-cache', etag });
      return headers['if-none-match'] === etag ? reply.code(304).send() : reply.type(type).send(content);
    });
  }
}
