import { escapeHtml, page, prose } from '@stoa/http/pages';

/** One page for one thing that a person does with a link: a form, and what is said after each end it can come to. */
export interface AccountPage {
  readonly path: string;
  readonly title: string;
  readonly lead: string;
  /** Where the form goes, as JSON; the secret of the link goes along under its own name. */
  readonly api: string;
  /** What the link carries in its fragment; none for a page that everybody may open. */
  readonly secret?: 'token' | 'code';
  readonly fields: readonly Field[];
  readonly button: string;
  /** By the code of the problem that ends it; `done` for success, `incomplete` for a link without its secret. */
  readonly endings: Readonly<Record<string, Ending>>;
}

export type Field = 'email' | 'new-email' | 'full-name' | 'new-password' | 'username';

export interface Ending {
  readonly title: string;
  /** `[email]` stands for the address that was sent. */
  readonly text: string;
  readonly next?: { readonly path: string; readonly name: string };
}

export const SCRIPT = '/account/assets/account-page.js';

export function accountPage({ title, lead, api, secret, fields, button, endings }: AccountPage): string {
  const form = `<section data-when="form" hidden>
<h1>${escapeHtml(title)}</h1>
<p class="lead">${prose(lead)}</p>
<form method="post" novalidate data-api="${api}"${secret === undefined ? '' : ` data-secret="${secret}"`}>
<p class="alert" role="alert" hidden></p>
${fields.map((field) => FIELDS[field]).join('\n')}
<button type="submit">${escapeHtml(button)}</button>
</form>
</section>`;
  return page({
    title,
    head: `<script type="module" src="${SCRIPT}"></script>`,
    body: [
      `<noscript><h1>${escapeHtml(title)}</h1><p>This page needs JavaScript. Allow it for this page in your browser, then load it again.</p></noscript>`,
      form,
      ...Object.entries(endings).map(ending),
    ].join('\n'),
    width: 'narrow',
    heading: false,
  });
}

function ending([when, { title, text, next }]: [string, Ending]): string {
  const said = prose(text).replace('[email]', '<strong data-value="email"></strong>');
  const step = next === undefined ? '' : `\n<p><a class="button" href="${next.path}">${escapeHtml(next.name)}</a></p>`;
  return `<section data-when="${when}" class="${when === 'done' ? 'good' : 'bad'}" hidden>
<h1 tabindex="-1">${escapeHtml(title)}</h1>
<p>${said}</p>${step}
</section>`;
}

const emailField = (label: string, autocomplete: string) => `<div class="field">
<label for="email">${label}</label>
<input id="email" name="email" type="email" autocomplete="${autocomplete}" inputmode="email" autocapitalize="none" spellcheck="false" maxlength="254" required aria-describedby="email-error">
<p class="field-error" id="email-error" aria-live="polite"></p>
</div>`;

const FIELDS: Readonly<Record<Field, string>> = {
  email: emailField('E-mail address', 'email'),
  // An account is made with it: password managers keep it beside the password.
  'new-email': emailField('E-mail address', 'username'),
  'full-name': `<div class="field">
<label for="fullName">Full name <span class="soft">(optional)</span></label>
<input id="fullName" name="fullName" type="text" autocomplete="name" maxlength="200" aria-describedby="fullName-error">
<p class="field-error" id="fullName-error" aria-live="polite"></p>
</div>`,
  'new-password': `<div class="field">
<label for="password">Password</label>
<div class="with-button">
<input id="password" name="password" type="password" autocomplete="new-password" autocapitalize="none" spellcheck="false" minlength="8" required aria-describedby="password-rules password-error">
<button type="button" class="quiet" data-shows="password" aria-controls="password" aria-pressed="false" aria-label="Show password">Show</button>
</div>
<ul class="rules" id="password-rules" aria-live="polite">
<li data-rule="length">At least 8 characters<span class="visually-hidden" data-state></span></li>
</ul>
<p class="field-error" id="password-error" aria-live="polite"></p>
</div>`,
  // Password managers look for it beside a password; the link does not tell whose it is.
  username: '<input type="text" name="username" autocomplete="username" tabindex="-1" aria-hidden="true" hidden>',
};
