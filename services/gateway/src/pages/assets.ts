import { type Http, serveFile } from '@stoa/http';

/** The stylesheet and the icon that the pages share. */
export function serveAssets(http: Http): void {
  serveFile(http, '/assets/stoa.css', new URL('stoa.css', import.meta.url), 'text/css; charset=utf-8');
  serveFile(http, '/assets/icon.svg', new URL('icon.svg', import.meta.url), 'image/svg+xml');
}
