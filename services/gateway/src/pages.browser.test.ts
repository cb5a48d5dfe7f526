import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSmallSystem } from './testing/small-system.ts';

/** Where pictures of the pages go, for a person to look at; none are taken when it is not set. */
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

let system: Awaited<ReturnType<typeof startSmallSystem>>;
let browser: Browser;
beforeAll(async () => {
  system = await startSmallSystem();
  browser = await chromium.launch({ executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium', args: FLAGS });
});
afterAll(async () => {
  await browser.close();
  await system[Symbol.asyncDispose]();
});

interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** What the browser complained about: violations of the policy, refused files, thrown errors. */
  readonly complaints: string[];
  /** Requests that went to another server. */
  readonly strangers: string[];
}

async function visit(path: string, { width = 1280, dark = false } = {}): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme: dark ? 'dark' : 'light' });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(system.url) && !request.url().startsWith('data:')) strangers.push(request.url());
  });
  await page.goto(`${system.url}${path}`, { waitUntil: 'networkidle' });
  return { page, complaints, strangers, [Symbol.asyncDispose]: () => context.close() };
}

/** From 0, black, to 1: the first ground that is not transparent below the documents, and what is written on it. */
const LIGHTNESS = `(() => {
  const lightness = (color) => Math.max(...color.match(/[\\d.]+/g).slice(0, 3).map(Number)) / 255;
  const heading = document.querySelector('.opblock-tag');
  let ground = heading;
  while (/, 0\\)$/.test(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
  return [lightness(getComputedStyle(ground).backgroundColor), lightness(getComputedStyle(heading).color)];
})()`;

const picture = async (page: Page, name: string) => {
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/gateway-${name}.png`, fullPage: true });
};

describe('/docs, under the policy of production', () => {
  test('lists the operations of all services, and loads nothing from elsewhere', async () => {
    await using visited = await visit('/docs');
    const { page } = visited;
    for (const summary of ['Register a person', 'Read a letter', 'What an error means, why it happens and how to mend it']) {
      await page.getByText(summary, { exact: true }).waitFor();
    }
    expect(visited.complaints).toEqual([]);
    expect(visited.strangers).toEqual([]);
  });

  test('tries a request and shows its answer', async () => {
    await using visited = await visit('/docs');
    const { page } = visited;
    await page.getByText('Read a letter', { exact: true }).click();
    await page.getByPlaceholder('id').fill('7');
    await page.getByRole('button', { name: 'Execute' }).click();
    await page.locator('.live-responses-table').getByText('"letter 7"').waitFor();
    await picture(page, 'docs-tried');
    expect(visited.complaints).toEqual([]);
  });

  test('shows the body and the errors of an operation', async () => {
    await using visited = await visit('/docs');
    const { page } = visited;
    await page.getByText('Register a person', { exact: true }).click();
    await page.getByText('ada@example.com').first().waitFor();
    await page.getByText('email_taken').first().waitFor();
    expect(visited.complaints).toEqual([]);
  });
});

test('/docs has the colours of the page, in the dark too', async () => {
  for (const dark of [false, true]) {
    await using visited = await visit('/docs', { dark });
    await visited.page.locator('.opblock').first().waitFor();
    const [ground, ink] = (await visited.page.evaluate(LIGHTNESS)) as [number, number];
    expect(dark ? ink - ground : ground - ink).toBeGreaterThan(0.5);
  }
});

describe('pages of the gateway', () => {
  test('/ leads to all others', async () => {
    await using visited = await visit('/');
    const links = await visited.page.getByRole('main').getByRole('link').all();
    const paths = await Promise.all(links.map((link) => link.getAttribute('href')));
    expect(paths).toEqual(['/docs', '/problems', '/health/ready', '/metrics']);
    for (const path of paths) expect((await fetch(`${system.url}${path}`)).status, String(path)).toBe(200);
    expect(visited.complaints).toEqual([]);
  });

  test('/problems lists each error and leads to what to do', async () => {
    await using visited = await visit('/problems');
    const { page } = visited;
    await page.getByRole('link', { name: 'email_taken' }).click();
    await page.getByRole('heading', { name: 'email_taken' }).waitFor();
    await page.getByText('409 Conflict').first().waitFor();
    await page.getByText('Log in with it, or register another address.').waitFor();
    await page.getByText('"type": "/problems/email_taken"').waitFor();
    expect(visited.complaints).toEqual([]);
  });

  test.for(
    ['/', '/docs', '/problems', '/problems/email_taken', '/health/ready'].flatMap((path) => [
      [path, 'desktop-light', { width: 1280 }],
      [path, 'desktop-dark', { width: 1280, dark: true }],
      [path, 'phone-light', { width: 360 }],
      [path, 'phone-dark', { width: 360, dark: true }],
    ]) as [string, string, { width: number; dark?: boolean }][],
  )('%s fits %s without scrolling sideways', async ([path, name, options]) => {
    await using visited = await visit(path, options);
    const { page } = visited;
    await picture(page, `${path.replaceAll('/', '-')}-${name}`);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    const [ink, ground] = (await page.evaluate(
      '[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]',
    )) as [string, string];
    expect(ink).not.toBe(ground);
    expect(visited.complaints).toEqual([]);
  });
});
