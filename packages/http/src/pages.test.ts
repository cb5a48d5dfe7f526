import { expect, test } from 'vitest';
import { page, wantsHtml } from './pages.ts';

test.each([
  ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8', true],
  ['text/html', true],
  ['application/json;q=0.5, text/html;q=0.9', true],
  ['*/*', false],
  ['', false],
  [undefined, false],
  ['application/json', false],
  ['application/json, text/html', false],
  ['application/json, text/html;q=0.9', false],
  ['text/html;q=0, */*', false],
  ['text/htmlx', false],
])('Accept: %s asks for HTML first: %s', (accept, expected) => {
  expect(wantsHtml(accept)).toBe(expected);
});

test('a page has the links that it is given, and none without', () => {
  const parts = { title: 'A <b>', body: '' };
  expect(page({ ...parts, nav: [['/docs', 'API & more']] })).toContain('<nav><a href="/docs">API &amp; more</a></nav>');
  expect(page(parts)).not.toContain('<a ');
  expect(page(parts)).toContain('<h1>A &lt;b&gt;</h1>');
});
