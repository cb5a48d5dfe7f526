import { describe, expect, test } from 'vitest';
import { extractCode, extractLinks } from './mailbox/extract.ts';
import { createRenderer, MASK } from './render.ts';
import { type TemplateName, templates } from './templates.ts';

const render = createRenderer();
const code = { code: '0417', expiresInSeconds: 60 };
const names = Object.keys(templates) as TemplateName[];

describe.each(names)('the mail %s', (template) => {
  test('is this text', () => {
    expect(render(template, 'ada@example.com', { name: 'Ada' }, code).text).toMatchSnapshot();
  });

  test('shows its code alone on a line of the text, and in the HTML part', () => {
    const { text, html } = render(template, 'ada@example.com', { name: '1234' }, code);
    expect(text.split('\n').filter((line) => /^\s*\d+\s*$/.test(line))).toEqual(['0417']);
    expect(extractCode(text)).toBe('0417');
    expect(html).toContain('>0417</p>');
  });

  test('has neither code nor subject with a secret in it while it is queued', () => {
    const { subject, text, html } = render(template, 'ada@example.com', { name: null });
    expect(text.split('\n')).toContain(MASK);
    expect(html).toContain(`>${MASK}</p>`);
    expect(subject + text + html.replace(/style="[^"]*"|<style>.*?<\/style>/gs, '')).not.toMatch(/\b\d{4}\b/);
  });

  test('has an HTML part that runs nothing, loads nothing and leads nowhere', () => {
    const { html } = render(template, 'ada@example.com', { name: '<img src=x onerror=alert(1)>"' }, code);
    expect(html).not.toMatch(/<(script|img|link|iframe|form|a|object)\b|url\(|@import/i);
    expect(html).toContain('&lt;img src&#x3D;x onerror&#x3D;alert(1)&gt;&quot;');
    expect(html).toMatch(/<meta name="color-scheme" content="light dark">/);
  });

  test('says how long the code works in the words of people', () => {
    const said = (expiresInSeconds: number) => render(template, 'a@b.c', { name: null }, { code: '0417', expiresInSeconds }).text;
    expect(said(60)).toContain('for 1 minute.');
    expect(said(90)).toContain('for 90 seconds.');
    expect(said(600)).toContain('for 10 minutes.');
  });

  test.each([[{}], [{ name: 7 }], [{ name: '' }], [{ name: 'Ada', more: true }]])('refuses the data %j', (data) => {
    expect(() => render(template, 'ada@example.com', data as { name: null })).toThrow(/does not fit/);
  });
});

describe('what the mailbox finds in a message', () => {
  test.each([
    ['Hello\n\n1234\n', '1234'],
    ['Hello\r\n\r\n  12345678 \r\n', '12345678'],
    ['In 2026 you get 1234 of them', null],
    ['123\n', null],
    ['123456789\n', null],
    ['', null],
  ])('the code in %j is %j', (text, expected) => {
    expect(extractCode(text)).toBe(expected);
  });

  test('links stand once, without the punctuation behind them, from both parts', () => {
    const text = 'Go to https://stoa.test/a?b=1&c=2#token=x. Or (http://stoa.test/b)!';
    const html = `<a href="https://stoa.test/a?b=1&amp;c=2#token=x">a</a> <a href='https://stoa.test/c'>c</a> <a href="mailto:x@y.z">m</a>`;
    expect(extractLinks(text, html)).toEqual(['https://stoa.test/a?b=1&c=2#token=x', 'http://stoa.test/b', 'https://stoa.test/c']);
  });
});
