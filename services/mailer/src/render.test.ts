import { describe, expect, test } from 'vitest';
import { extractCode, extractLinks } from './mailbox/extract.ts';
import { createRenderer } from './render.ts';
import { MASK } from './secrets.ts';
import { type TemplateName, templates } from './templates.ts';
import { SAMPLES } from './testing/sample-mails.ts';

const render = createRenderer('https://stoa.test');
const to = 'ada@example.com';
const code = { value: '0417', expiresInSeconds: 60 };
const token = { value: 'q5_RZ-'.repeat(8).slice(0, 43), expiresInSeconds: 1_800 };

const names = Object.keys(templates) as TemplateName[];
const carrying = (kind: 'code' | 'link' | undefined) =>
  names.filter((name) => ('carries' in templates[name] ? templates[name].carries : undefined) === kind);
const secretOf = (name: TemplateName) => (carrying('code').includes(name) ? code : carrying('link').includes(name) ? token : undefined);

describe.each(names)('the mail %s', (name) => {
  test('is this text', () => {
    expect(render(name, to, SAMPLES[name], secretOf(name)).text).toMatchSnapshot();
  });

  test('has an HTML part that runs nothing and loads nothing, and leads nowhere but to its link', () => {
    const { html } = render(name, to, { ...SAMPLES[name], name: '<img src=x onerror=alert(1)>"' }, secretOf(name));
    expect(html).not.toMatch(/<(script|img|link|iframe|form|object)\b|url\(|@import/i);
    expect(html).toContain('&lt;img src&#x3D;x onerror&#x3D;alert(1)&gt;&quot;');
    expect(html).toMatch(/<meta name="color-scheme" content="light dark">/);
    expect(extractLinks('', html)).toEqual(
      carrying('link').includes(name) ? [`https://stoa.test/account/${name}#token=${token.value}`] : [],
    );
  });

  test('says in both parts what it has to say', () => {
    const { name: _greeted, ...facts } = SAMPLES[name] as Record<string, string>;
    const { text, html } = render(name, to, SAMPLES[name]);
    for (const fact of Object.values(facts)) for (const part of [text, html]) expect(part).toContain(fact);
  });

  test('does without what is not known', () => {
    const unknown = Object.fromEntries(Object.entries(SAMPLES[name]).map(([field, value]) => [field, field === 'when' ? value : null]));
    expect(render(name, to, unknown as { name: null }).text).not.toMatch(/null|undefined/);
  });

  test.each([[{}], [{ name: 7 }], [{ name: '' }], [{ name: 'Ada', more: true }]])('refuses the data %j', (data) => {
    expect(() => render(name, to, data as { name: null })).toThrow(/does not fit/);
  });
});

describe.each(carrying('code'))('the mail %s', (name) => {
  test('shows its code alone on a line of the text, and in the HTML part', () => {
    const { text, html } = render(name, to, { name: '1234' }, code);
    expect(text.split('\n').filter((line) => /^\s*\d+\s*$/.test(line))).toEqual(['0417']);
    expect(extractCode(text)).toBe('0417');
    expect(html).toContain('>0417</p>');
  });

  test('has neither code nor subject with a secret in it while it is queued', () => {
    const { subject, text, html } = render(name, to, { name: null });
    expect(text.split('\n')).toContain(MASK);
    expect(html).toContain(`>${MASK}</p>`);
    expect(subject + text + html.replace(/style="[^"]*"|<style>.*?<\/style>/gs, '')).not.toMatch(/\b\d{4}\b/);
  });

  test('says how long the code works in the words of people', () => {
    const said = (expiresInSeconds: number) => render(name, to, { name: null }, { ...code, expiresInSeconds }).text;
    expect(said(60)).toContain('for 1 minute.');
    expect(said(90)).toContain('for 90 seconds.');
    expect(said(600)).toContain('for 10 minutes.');
  });
});

describe.each(carrying('link'))('the mail %s', (name) => {
  test('shows its link alone on a line of the text, so that no program cuts it', () => {
    const { text } = render(name, to, { name: null }, token);
    expect(text.split('\n')).toContain(`https://stoa.test/account/${name}#token=${token.value}`);
    expect(extractCode(text)).toBeNull();
  });

  test('has a masked link while it is queued, and says how long the link will work', () => {
    const { text, html } = render(name, to, { name: null });
    expect(text.split('\n')).toContain(`https://stoa.test/account/${name}#token=${MASK}`);
    expect(extractLinks('', html)).toEqual([`https://stoa.test/account/${name}#token=${MASK}`]);
    expect(text).toContain(name === 'reset-password' ? 'once and for 30 minutes.' : 'once and for 24 hours.');
  });
});

test('the subject of a reset says so, for a person who looks for it', () => {
  expect(render('reset-password', to, { name: null }).subject).toContain('Reset');
});

test('a template that only a newer version knows is reported as unknown', () => {
  expect(() => render('newer' as 'welcome', to, { name: null })).toThrow(/no template "newer"/);
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
    const html = `<a href="https://stoa.test/a?b&#x3D;1&amp;c&#61;2#token&#x3D;x">a</a> <a href='https://stoa.test/c'>c</a> <a href="mailto:x@y.z">m</a>`;
    expect(extractLinks(text, html)).toEqual(['https://stoa.test/a?b=1&c=2#token=x', 'http://stoa.test/b', 'https://stoa.test/c']);
  });

  test('what is no entity stays as it is', () => {
    expect(extractLinks('', '<a href="https://stoa.test/?a&copy=1&#x7fffffff;">a</a>')).toEqual([
      'https://stoa.test/?a&copy=1&#x7fffffff;',
    ]);
  });
});
