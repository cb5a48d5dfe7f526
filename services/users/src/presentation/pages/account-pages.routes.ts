import { type Http, serveFile } from '@stoa/http';
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
  serveFile(http, SCRIPT, new URL('account-page.js', import.meta.url), 'text/javascript; charset=utf-8');
}
