import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, picture, setUpLink, visit } from './browser.ts';
import { logIn, post, somebody } from './client.ts';
import { dataFolder, type StoaProcess, startStoa } from './stoa-process.ts';

let folder: Awaited<ReturnType<typeof dataFolder>>;
let stoa: StoaProcess;
let browser: Browser;
const admin = somebody();
beforeAll(async () => {
  folder = await dataFolder();
  stoa = await startStoa({ dataDirectory: folder.path });
  const { hash } = new URL(await setUpLink(stoa));
  const code = hash.replace('#code=', '');
  expect((await post(`${stoa.url}/v1/setup`, { code, ...admin })).status).toBe(201);
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
  expect(await stoa.stop()).toBe(0);
  await folder[Symbol.asyncDispose]();
});

async function accessToken(): Promise<string> {
  const answer = await logIn(stoa.url, admin);
  return ((await answer.json()) as { accessToken: string }).accessToken;
}

async function apiKey(): Promise<string> {
  const authorization = `Bearer ${await accessToken()}`;
  const answer = await post(`${stoa.url}/v1/service-accounts`, { name: 'reader', permissions: ['users:read'] }, { authorization });
  return ((await answer.json()) as { apiKey: string }).apiKey;
}

async function authorize(page: Page, token: string, colours: string) {
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  await picture(page, `docs-authorize-${colours}`);
  const bearer = page.locator('.auth-container', { hasText: 'bearer' });
  await bearer.getByRole('textbox').fill(token);
  await bearer.getByRole('button', { name: 'Apply credentials' }).click();
  await bearer.getByRole('button', { name: 'Close', exact: true }).click();
}

describe('the documents of a whole Stoa', () => {
  test('every group of operations says what it is about', async () => {
    const { tags, paths } = (await (await fetch(`${stoa.url}/openapi.json`)).json()) as {
      tags: { name: string; description?: string }[];
      paths: Record<string, Record<string, { tags?: string[] }>>;
    };
    const used = Object.values(paths).flatMap((path) => Object.values(path).flatMap((operation) => operation.tags ?? ['(none)']));
    const described = tags.filter(({ description }) => description).map(({ name }) => name);
    expect([...new Set(used)].filter((name) => !described.includes(name))).toEqual([]);
  });

  test('the page shows the names of what goes in and out, and the errors of an operation', async () => {
    await using visited = await visit(browser, `${stoa.url}/docs`);
    const { page } = visited;
    const models = page.locator('section.models');
    for (const name of ['User', 'NewUser', 'PostPage', 'Problem']) await models.getByText(name, { exact: true }).first().waitFor();
    const register = page.locator('#operations-users-registerUser');
    await register.getByRole('button').first().click();
    await register.getByText('email_taken').first().waitFor();
    await register.getByText('Idempotency-Replayed').first().waitFor();
    await picture(page, 'docs-names-light');
    expect([...visited.complaints, ...visited.strangers]).toEqual([]);
  });

  test.each([
    ['an access token', 'light', accessToken],
    ['an API key', 'dark', apiKey],
  ])('%s opens what needs a permission, %s', async (_, colours, credential) => {
    const token = await credential();
    await using visited = await visit(browser, `${stoa.url}/docs`, { dark: colours === 'dark' });
    const { page } = visited;
    await page.locator('.opblock').first().waitFor();
    await picture(page, `docs-${colours}`);
    await authorize(page, token, colours);
    const list = page.locator('#operations-users-listUsers');
    await list.getByRole('button').first().click();
    await list.getByRole('button', { name: 'Execute' }).click();
    await list.locator('.live-responses-table').getByText(admin.email).first().waitFor();
    await picture(page, `docs-tried-${colours}`);
    expect([...visited.complaints, ...visited.strangers]).toEqual([]);
  });
});
