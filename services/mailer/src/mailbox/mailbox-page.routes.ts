import { type Http, serveFile } from '@stoa/http';

const FOLDER = new URL('./page/', import.meta.url);

/** The page that shows the mailbox. */
export function installMailboxPage(http: Http): void {
  const serve = (path: string, file: string, type: string) => serveFile(http, path, new URL(file, FOLDER), type);
  serve('/mailbox', 'mailbox.html', 'text/html; charset=utf-8');
  serve('/mailbox/assets/mailbox.css', 'mailbox.css', 'text/css; charset=utf-8');
  serve('/mailbox/assets/mailbox.js', 'mailbox.js', 'text/javascript; charset=utf-8');
  serve('/mailbox/assets/icon.svg', 'icon.svg', 'image/svg+xml');
}
