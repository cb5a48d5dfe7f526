import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Http } from '@stoa/http';
import { sendPage } from '@stoa/http/pages';
import { accountPage, SCRIPT } from './account-page.ts';
import { accountPages } from './account-pages.ts';

/**
 * The pages that mailed links and the set-up link lead to. What the link carries stands behind `#`, so that no server, log or
 * proxy sees it; a GET does nothing, so that a scanner of mails uses nothing up.
 */
export function accountPagesRoutes(http: Http): void {
  for (const description of accountPages) {
    const html = accountPage(description);
    http.get(description.path, { schema: { hide: true } }, async (_request, reply) => sendPage(reply, html));
  }
  const script = readFileSync(new URL('account-page.js', import.meta.url), 'utf8');
  const etag = `"${createHash('sha256').update(script).digest('base64url').slice(0, 16)}"`;
  http.get(SCRIPT, { schema: { hide: true } }, async (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').headers({ 'cache-control': 'no-cache', etag }).send(script),
  );
}
