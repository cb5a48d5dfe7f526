import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Http, PAGE_CSP, serveFile } from './index.ts';
import { thingsHttp } from './testing/things.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-files-'));
const fileOf = (name: string, content: string) => {
  writeFileSync(join(folder, name), content);
  return pathToFileURL(join(folder, name));
};
let http: Http;
beforeAll(async () => {
  http = await thingsHttp();
  serveFile(http, '/page', fileOf('page.html', '<p>a page'), 'text/html; charset=utf-8');
  serveFile(http, '/style.css', fileOf('style.css', 'p {}'), 'text/css; charset=utf-8');
  serveFile(http, '/other.css', fileOf('other.css', 'a {}'), 'text/css; charset=utf-8');
  await http.ready();
});
afterAll(async () => {
  await http.close();
  rmSync(folder, { recursive: true });
});

test('a file is what it was at the start', async () => {
  writeFileSync(join(folder, 'style.css'), 'changed');
  const { statusCode, headers, body } = await http.inject('/style.css');
  expect([statusCode, headers['content-type'], headers['cache-control'], body]).toEqual([
    200,
    'text/css; charset=utf-8',
    'no-cache',
    'p {}',
  ]);
});

test('a client that has the file already gets 304, and one with the tag of another file gets the file', async () => {
  const tag = (await http.inject('/style.css')).headers['etag'] as string;
  const again = await http.inject({ url: '/style.css', headers: { 'if-none-match': tag } });
  expect([again.statusCode, again.body, again.headers['etag']]).toEqual([304, '', tag]);
  expect((await http.inject({ url: '/other.css', headers: { 'if-none-match': tag } })).body).toBe('a {}');
});

test('a page has the policy of pages, and what is none has that of answers', async () => {
  expect((await http.inject('/page')).headers['content-security-policy']).toBe(PAGE_CSP);
  expect((await http.inject('/style.css')).headers['content-security-policy']).toContain("default-src 'none'; frame-ancestors");
});
