import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '@stoa/service/testing';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mailerFixture } from '../testing/mailer-fixture.ts';
import { createMailboxStore, type MailboxStore } from './mailbox-store.ts';

/** Where pictures of the page go, for a person to look at; none are taken when it is not set. */
const PICTURES = process.env['STOA_TEST_PICTURES'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let system: Awaited<ReturnType<typeof mailerFixture>>;
let store: MailboxStore;
let url: string;
let browser: Browser;
beforeAll(async () => {
  system = await mailerFixture();
  store = createMailboxStore(system.database);
  const { http } = await system.start();
  await http.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(http.server.address() as AddressInfo).port}/mailbox`;
  browser = await chromium.launch({ executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium', args: FLAGS });
});
afterAll(async () => {
  await browser.close();
  await system[Symbol.asyncDispose]();
});

interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** What the browser complained about: refused scripts, failed requests, thrown errors. */
  readonly complaints: string[];
}

async function visit(address = url, options: { width?: number; dark?: boolean } = {}): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1280, height: 800 },
    colorScheme: options.dark ? 'dark' : 'light',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByText('live', { exact: true }).waitFor();
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

const picture = async (page: Page, name: string) => {
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/mailbox-${name}.png` });
};

describe('the mailbox page', () => {
  test('empty, says what to do', async () => {
    await store.clear();
    await using visited = await visit();
    await visited.page.getByRole('heading', { name: 'No mail yet' }).waitFor();
    await visited.page.getByText(`curl ${new URL(url).origin}/v1/users`).waitFor();
    await picture(visited.page, 'empty');
    expect(visited.complaints).toEqual([]);
  });

  test('shows a mail while it arrives, opens it, and copies its code', async () => {
    await using visited = await visit();
    const { page } = visited;
    const { email, code } = await system.request({ fullName: 'Ada <b>Lovelace</b>' });
    await page.getByRole('link', { name: email }).click();
    await page.getByRole('heading', { name: 'Welcome to Stoa: activate your account' }).waitFor();
    await page.getByRole('button', { name: 'Copy code' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(code);
    const preview = page.frameLocator('iframe[title="HTML part of the message"]');
    await preview.getByRole('heading', { name: 'Welcome to Stoa' }).waitFor();
    await preview.getByText('Hi Ada <b>Lovelace</b>,').waitFor();
    await picture(page, 'desktop-light');
    await page.getByRole('tab', { name: 'Text' }).click();
    await page.getByRole('tabpanel').getByText(`\n${code}\n`).waitFor();
    await page.getByRole('tab', { name: 'Raw' }).click();
    await page.getByText(`To: ${email}`).waitFor();
    expect(visited.complaints).toEqual([]);
  });

  test('is led by the keyboard alone', async () => {
    const { email } = await system.request();
    await using visited = await visit();
    const { page } = visited;
    await page.getByRole('link', { name: email }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Message', selected: true }).focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.getByRole('tab', { name: 'Text' }).getAttribute('aria-selected')).toBe('true');
    expect(await page.evaluate('document.activeElement.id')).toBe('tab-text');
  });

  test('keeps filter and open message in its address', async () => {
    const { email } = await system.request();
    await system.request();
    await using visited = await visit();
    await visited.page.getByRole('searchbox', { name: 'Address' }).fill(email);
    await visited.page.keyboard.press('Enter');
    await eventually(async () => expect(await visited.page.locator('.item').count()).toBe(1));
    await visited.page.locator('.item').click();
    await visited.page.getByRole('article').waitFor();
    await using again = await visit(visited.page.url());
    await again.page.getByRole('article').getByText(email).first().waitFor();
    expect(await again.page.locator('.item').count()).toBe(1);
  });

  test('lets no mail run a script, load a picture or leave its frame', async () => {
    const outside: string[] = [];
    const tracker = createServer(({ url: path = '' }, answer) => {
      outside.push(path);
      answer.end();
    }).listen(0, '127.0.0.1');
    await once(tracker, 'listening');
    const there = `http://127.0.0.1:${(tracker.address() as AddressInfo).port}`;
    const html = `<h1>evil</h1><script>parent.document.title = 'owned'; document.body.innerHTML = 'ran';</script>
      <img src="${there}/picture" onerror="parent.document.title = 'owned'"><link rel="stylesheet" href="${there}/style">
      <style>@import url(${there}/import); h1 { background: url(${there}/background); }</style><iframe src="${there}/frame"></iframe>
      <meta http-equiv="refresh" content="0;url=${there}/refresh">`;
    await store.add({
      sender: 'evil@example.com',
      recipients: ['me@example.com'],
      subject: '<img src=x onerror=alert(1)>',
      messageId: undefined,
      text: '<b>text</b>',
      html,
      raw: Buffer.from('<script>alert(1)</script>'),
    });
    await using visited = await visit();
    await visited.page.getByRole('link', { name: 'me@example.com' }).click();
    await visited.page.frameLocator('iframe').getByRole('heading', { name: 'evil' }).waitFor();
    await visited.page.getByRole('tab', { name: 'Raw' }).click();
    await visited.page.getByText('<script>alert(1)</script>').waitFor();
    expect(await visited.page.title()).toBe('Mailbox · Stoa');
    tracker.close();
    expect(outside).toEqual([]);
    expect(await visited.page.getByRole('heading', { name: '<img src=x onerror=alert(1)>' }).count()).toBe(1);
  });

  test('empties the mailbox after a question', async () => {
    await system.request().then(({ email }) => eventually(async () => expect(await store.list({ to: email, limit: 1 })).toHaveLength(1)));
    await using visited = await visit();
    visited.page.on('dialog', (dialog) => void dialog.accept());
    await visited.page.getByRole('button', { name: 'Empty' }).click();
    await visited.page.getByRole('heading', { name: 'No mail yet' }).waitFor();
  });

  test.each([
    ['desktop-dark', { width: 1280, dark: true }],
    ['phone-light', { width: 360 }],
    ['phone-dark', { width: 360, dark: true }],
  ])('fits %s without scrolling sideways', async (name, options) => {
    for (let n = 0; n < 4; n++) await system.request({ reason: n % 2 ? 'resend' : 'registration' });
    const { email } = await system.request({ fullName: 'Ada Lovelace' });
    await using visited = await visit(url, options);
    const { page } = visited;
    await page.getByRole('link', { name: email }).waitFor();
    await picture(page, `${name}-list`);
    await page.getByRole('link', { name: email }).click();
    await page.frameLocator('iframe').getByText('Hi Ada Lovelace,').waitFor();
    await picture(page, name);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    if (options.width < 500) {
      await page.getByRole('button', { name: 'All messages' }).click();
      await page.getByRole('link', { name: email }).waitFor();
    }
    expect(visited.complaints).toEqual([]);
  });
});
