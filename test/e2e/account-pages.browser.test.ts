import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from './ask.ts';
import { launchChromium, picture, setUpLink, type VisitOptions, visit } from './browser.ts';
import { activate, latestMail, type Person, post, register, somebody } from './client.ts';
import { dataFolder, type StoaProcess, startStoa } from './stoa-process.ts';

let folder: Awaited<ReturnType<typeof dataFolder>>;
let stoa: StoaProcess;
let browser: Browser;
beforeAll(async () => {
  folder = await dataFolder();
  stoa = await startStoa({ dataDirectory: folder.path, env: { MAIL_RATE_PER_SECOND: '50' } });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
  expect(await stoa.stop()).toBe(0);
  await folder[Symbol.asyncDispose]();
});

const NO_TOKEN = 'A'.repeat(43);
const open = (path: string, options?: VisitOptions) => visit(browser, path.startsWith('http') ? path : `${stoa.url}${path}`, options);
const says = (page: Page, heading: string) => page.getByRole('heading', { level: 1, name: heading }).waitFor();
const logIn = (identifier: string, password: string) => post(`${stoa.url}/v1/sessions`, { identifier, password });

async function tokenOf({ email, password }: Person): Promise<string> {
  const { accessToken } = (await (await logIn(email, password)).json()) as { accessToken: string };
  return accessToken;
}

async function choosePassword(page: Page, password: string) {
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.keyboard.press('Enter');
}

/** Waits for the newest mail whose subject has the word, and gives the link in it. */
async function linkTo(email: string, path: string): Promise<string> {
  let after = '';
  for (;;) {
    const { id, links = [] } = await latestMail(stoa.url, email, `10s${after}`);
    const link = links.find((each) => new URL(each).pathname === path);
    if (link !== undefined) return `${stoa.url}${path}${new URL(link).hash}`;
    after = `&after=${id}`;
  }
}

async function activePerson() {
  const person = somebody();
  expect((await register(stoa.url, person)).status).toBe(201);
  const { code } = await latestMail(stoa.url, person.email);
  expect((await activate(stoa.url, person, code as string)).status).toBe(200);
  return person;
}

/** Made by the set-up, with which the file begins. */
const admin = { email: 'first@example.com', password: 'the very first pass phrase' };

describe('set-up', () => {
  test('the link that is printed makes the first administrator, once', async () => {
    const link = await setUpLink(stoa);
    await using wrong = await open(`/setup#code=${NO_TOKEN}`);
    await wrong.page.getByLabel('E-mail address').fill(admin.email);
    await choosePassword(wrong.page, admin.password);
    await says(wrong.page, 'This set-up link does not work any more');

    await using visited = await open(link);
    const { page } = visited;
    await says(page, 'Set up Stoa');
    await page.getByLabel('E-mail address').fill('first@');
    await choosePassword(page, 'short');
    await page.getByText('E-mail address must look like name@example.com.').waitFor();
    await page.getByText('Password must have at least 8 characters.').waitFor();
    await page.getByLabel('E-mail address').fill(admin.email);
    await page.getByLabel('Full name').fill('Ada Lovelace');
    await page.getByRole('button', { name: 'Show password' }).click();
    await choosePassword(page, 'password1');
    await page.getByText('Password must not be one of the passwords that are tried first.').waitFor();
    expect(await page.getByLabel('Password', { exact: true }).getAttribute('type')).toBe('password');
    await choosePassword(page, admin.password);
    await says(page, 'Stoa is set up');
    await page.getByText(admin.email).waitFor();
    const { user } = (await (await logIn(admin.email, admin.password)).json()) as { user: object };
    expect(user).toMatchObject({
      email: admin.email,
      fullName: 'Ada Lovelace',
      status: 'active',
      roles: expect.arrayContaining(['admin']),
    });

    await using again = await open(link);
    await again.page.getByLabel('E-mail address').fill('second@example.com');
    await choosePassword(again.page, admin.password);
    await says(again.page, 'Stoa is set up already');
    for (const { complaints, strangers } of [wrong, visited, again]) expect([...complaints, ...strangers]).toEqual([]);
  });
});

describe('a forgotten password', () => {
  test('is replaced by a mailed link: the old password and the link no longer work afterwards', async () => {
    const person = await activePerson();
    await using asked = await open('/account/forgot-password');
    await asked.page.getByLabel('E-mail address').fill(person.email);
    await asked.page.getByRole('button', { name: 'Mail me a link' }).click();
    await says(asked.page, 'Look into your mail');
    await asked.page.getByText(person.email).waitFor();

    const link = await linkTo(person.email, '/account/reset-password');
    // As a mail scanner does.
    for (const method of ['GET', 'HEAD']) expect((await fetch(link, { method })).status).toBe(200);
    await using visited = await open(link);
    await says(visited.page, 'Choose a new password');
    await choosePassword(visited.page, 'another pass phrase');
    await says(visited.page, 'Your new password is set');
    expect((await logIn(person.email, person.password)).status).toBe(401);
    expect((await logIn(person.email, 'another pass phrase')).status).toBe(201);

    await using again = await open(link);
    await choosePassword(again.page, 'a third pass phrase');
    await says(again.page, 'This link does not work any more');
    await again.page.getByRole('link', { name: 'Ask for a new link' }).click();
    await says(again.page, 'Forgot your password?');
    for (const { complaints, strangers } of [asked, visited, again]) expect([...complaints, ...strangers]).toEqual([]);
  });

  test('an expired link says so, and says where to get the next one', async () => {
    const { email } = await activePerson();
    await post(`${stoa.url}/v1/password-resets`, { email });
    const link = await linkTo(email, '/account/reset-password');
    await ask(folder.path, 'users', `update account_links set expires_at = now() - interval '1 second'`);
    await using visited = await open(link);
    await choosePassword(visited.page, 'another pass phrase');
    await says(visited.page, 'This link has expired');
    await visited.page.getByRole('link', { name: 'Ask for a new link' }).waitFor();
  });
});

test('a person whom another back end registers sets a password, and can log in', async () => {
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const made = await post(
    `${stoa.url}/v1/service-accounts`,
    { name: `shop ${Date.now()}`, permissions: ['users:create'] },
    bearer(await tokenOf(admin)),
  );
  expect(made.status).toBe(201);
  const { apiKey } = (await made.json()) as { apiKey: string };
  const { email } = somebody();
  expect((await post(`${stoa.url}/v1/users`, { email }, bearer(apiKey))).status).toBe(201);
  await using visited = await open(await linkTo(email, '/account/set-password'));
  await says(visited.page, 'Choose your password');
  await choosePassword(visited.page, 'my own pass phrase');
  await says(visited.page, 'Your account is ready');
  expect((await logIn(email, 'my own pass phrase')).status).toBe(201);
  expect([...visited.complaints, ...visited.strangers]).toEqual([]);
});

describe('another address', () => {
  const change = (accessToken: string, email: string) =>
    fetch(`${stoa.url}/v1/users/me`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${accessToken}` },
      body: JSON.stringify({ email }),
    });
  const confirm = (page: Page) => page.getByRole('button', { name: 'Confirm this address' }).click();

  test('is confirmed by a button behind the link: opening it does nothing', async () => {
    const person = await activePerson();
    const { email } = somebody();
    expect((await change(await tokenOf(person), email)).status).toBe(200);
    await using visited = await open(await linkTo(email, '/account/confirm-email'));
    const { page } = visited;
    await says(page, 'Confirm your e-mail address');
    expect((await logIn(email, person.password)).status).toBe(401);
    await confirm(page);
    await says(page, 'Your new address is confirmed');
    expect((await logIn(email, person.password)).status).toBe(201);
    expect((await logIn(person.email, person.password)).status).toBe(401);
    expect([...visited.complaints, ...visited.strangers]).toEqual([]);
  });

  test('that another account has by now stays with that account', async () => {
    const person = await activePerson();
    const other = somebody();
    await change(await tokenOf(person), other.email);
    const link = await linkTo(other.email, '/account/confirm-email');
    expect((await register(stoa.url, other)).status).toBe(201);
    await using visited = await open(link);
    await confirm(visited.page);
    await says(visited.page, 'This address belongs to another account');
  });
});

describe('every page', () => {
  test('takes the secret out of the address and the history, and keeps no trace of it', async () => {
    await using visited = await open('/account/reset-password#token=first');
    const { page } = visited;
    await says(page, 'Choose a new password');
    expect(page.url()).toBe(`${stoa.url}/account/reset-password`);
    expect(await page.evaluate('history.length')).toBe(2);
    expect(await page.content()).not.toContain('first');
    expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([0, 0, '']);
    // Another link in the same tab is used; a page that is loaded again has none.
    await page.evaluate(`location.hash = '#token=second'`);
    const sent = page.waitForRequest((request) => request.method() === 'POST');
    await choosePassword(page, 'another pass phrase');
    expect((await sent).postDataJSON()).toEqual({ token: 'second', password: 'another pass phrase' });
    await page.reload();
    await says(page, 'This link is not complete');
  });

  test('can be used by the keyboard alone', async () => {
    await using visited = await open(`/account/set-password#token=${NO_TOKEN}`);
    const { page } = visited;
    const focused = () => page.evaluate('document.activeElement.id || document.activeElement.textContent');
    await says(page, 'Choose your password');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('password');
    await page.keyboard.type('1234567');
    for (const key of ['Tab', 'Tab', 'Enter']) await page.keyboard.press(key);
    const password = page.getByLabel('Password', { exact: true });
    await page.getByText('Password must have at least 8 characters.').waitFor();
    expect([await focused(), await password.getAttribute('aria-invalid')]).toEqual(['password', 'true']);
    await page.keyboard.press('End');
    await page.keyboard.type('8');
    expect(await password.getAttribute('aria-invalid')).toBe('false');
    await page.getByText('At least 8 characters: done').waitFor();
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Show');
    await page.keyboard.press('Space');
    expect(await password.getAttribute('type')).toBe('text');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await says(page, 'This link does not work any more');
    expect(await focused()).toBe('This link does not work any more');
    expect(await page.title()).toBe('This link does not work any more · Stoa');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await says(page, 'Forgot your password?');
  });

  test('says when the server cannot be reached, and sends again what is still there', async () => {
    await using visited = await open('/account/forgot-password');
    const { page } = visited;
    await page.getByLabel('E-mail address').fill('nobody@example.com');
    await page.context().setOffline(true);
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('The server could not be reached.').waitFor();
    await page.context().setOffline(false);
    await page.keyboard.press('Enter');
    await says(page, 'Look into your mail');
  });

  test('says how long to wait after too many requests', async () => {
    await using other = await dataFolder();
    const strict = await startStoa({ dataDirectory: other.path, env: { PASSWORD_RESETS_PER_HOUR: '1' } });
    await post(`${strict.url}/v1/password-resets`, { email: 'nobody@example.com' });
    await using visited = await open(`${strict.url}/account/forgot-password`);
    await visited.page.getByLabel('E-mail address').fill('nobody@example.com');
    await visited.page.keyboard.press('Enter');
    await visited.page.getByRole('alert').getByText('Too many requests. Try again in 60 minutes.').waitFor();
    expect(await strict.stop()).toBe(0);
  });

  test.each(['/account/forgot-password', '/account/reset-password', '/account/set-password', '/account/confirm-email', '/setup'])(
    '%s without JavaScript says that it needs it; its answer is not cached',
    async (path) => {
      await using visited = await open(`${path}#token=secret`, { javaScript: false });
      expect(await visited.page.locator('noscript p').innerText()).toContain('This page needs JavaScript.');
      expect(await visited.page.getByRole('button').count()).toBe(0);
      const { headers } = await fetch(`${stoa.url}${path}`);
      expect([headers.get('cache-control'), headers.get('referrer-policy')]).toEqual(['no-store', 'no-referrer']);
      expect(headers.get('content-security-policy')).toContain("script-src 'self';");
    },
  );

  test.each([
    ['desktop-light', {}],
    ['desktop-dark', { dark: true }],
    ['phone-light', { width: 390 }],
    ['phone-dark', { width: 390, dark: true }],
  ] satisfies [string, VisitOptions][])('fits %s in every state, without browser errors', async (variant, options) => {
    const confirm = (page: Page) => page.getByRole('button', { name: 'Confirm' }).click();
    const states: [string, string, string, (page: Page) => Promise<void>][] = [
      ['forgot', '/account/forgot-password', 'Forgot your password?', async () => {}],
      [
        'forgot-refused',
        '/account/forgot-password',
        'Forgot your password?',
        (page) => page.keyboard.press('Tab').then(() => page.keyboard.press('Enter')),
      ],
      [
        'reset',
        `/account/reset-password#token=${NO_TOKEN}`,
        'Choose a new password',
        (page) => page.getByLabel('Password', { exact: true }).fill('long enough'),
      ],
      ['reset-short', `/account/reset-password#token=${NO_TOKEN}`, 'Choose a new password', (page) => choosePassword(page, 'short')],
      ['reset-incomplete', '/account/reset-password', 'This link is not complete', async () => {}],
      [
        'reset-invalid',
        `/account/reset-password#token=${NO_TOKEN}`,
        'This link does not work any more',
        (page) => choosePassword(page, 'pass phrase'),
      ],
      ['set', `/account/set-password#token=${NO_TOKEN}`, 'Choose your password', async () => {}],
      ['confirm', `/account/confirm-email#token=${NO_TOKEN}`, 'Confirm your e-mail address', async () => {}],
      ['confirm-invalid', `/account/confirm-email#token=${NO_TOKEN}`, 'This link does not work any more', confirm],
      ['setup', '/setup#code=x', 'Set up Stoa', async () => {}],
      ['setup-incomplete', '/setup', 'This set-up link is not complete', async () => {}],
    ];
    for (const [name, path, heading, act] of states) {
      await using visited = await open(path, options);
      await act(visited.page);
      await says(visited.page, heading);
      await picture(visited.page, `account-${name}-${variant}`);
      expect(await visited.page.evaluate('document.documentElement.scrollWidth <= innerWidth'), name).toBe(true);
      expect([...visited.complaints, ...visited.strangers], name).toEqual([]);
    }
  });
});
