import { eventually } from '@stoa/service/testing';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { StoaProcess } from './stoa-process.ts';

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

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium', args: FLAGS });

export interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** What the browser complained about: violations of the policy, refused files, thrown errors. Answers 4xx to a form are none. */
  readonly complaints: string[];
  /** Requests that went to another server. */
  readonly strangers: string[];
}

export interface VisitOptions {
  readonly width?: number;
  readonly dark?: boolean;
  readonly javaScript?: boolean;
}

/** A person with a fresh browser, who opens `address`. */
export async function visit(browser: Browser, address: string, options: VisitOptions = {}): Promise<Visit> {
  const { width = 1280, dark = false, javaScript = true } = options;
  const context = await browser.newContext({
    viewport: { width, height: 800 },
    colorScheme: dark ? 'dark' : 'light',
    javaScriptEnabled: javaScript,
  });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on('console', (message) => {
    const isRefusal = /status of 4\d\d/.test(message.text()) && message.location().url.includes('/v1/');
    if (['error', 'warning'].includes(message.type()) && !isRefusal) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(address).origin) strangers.push(request.url());
  });
  await page.goto(address);
  return { page, complaints, strangers, [Symbol.asyncDispose]: () => context.close() };
}

export async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });
}

/** What is printed for the person who sets Stoa up, shortly after it is ready. */
export const setUpLink = ({ output }: StoaProcess): Promise<string> =>
  eventually(() => /http\S+\/setup#code=[\w-]{43}/.exec(output())?.[0] ?? Promise.reject(new Error('not printed yet')));
