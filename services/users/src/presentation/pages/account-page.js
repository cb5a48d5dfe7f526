/**
 * One script for all account pages. The page says what it is about: `data-api` is where the form goes, `data-secret` the name
 * under which the link carries its secret, and one `data-when` section is shown at a time: the form, or the end it came to.
 */
const form = document.querySelector('form');
const alert = form.querySelector('.alert');
const submit = form.querySelector('[type="submit"]');
const { api, secret: secretName } = form.dataset;
const fields = [...form.querySelectorAll('.field input')];
const title = document.title;
let secret;
let isBusy = false;

/** The secret leaves the address bar and the history at once; from then on it is here alone. */
function open() {
  if (secretName !== undefined) {
    secret = new URLSearchParams(location.hash.slice(1)).get(secretName);
    history.replaceState(null, '', location.pathname);
  }
  form.reset();
  complain(undefined);
  for (const field of fields) complainAbout(field, undefined);
  showRules();
  show(secretName === undefined || secret ? 'form' : 'incomplete');
}

function show(state) {
  for (const section of document.querySelectorAll('[data-when]')) section.hidden = section.dataset.when !== state;
  document.title = title;
  if (state === 'form') return;
  const heading = document.querySelector(`[data-when="${state}"] h1`);
  document.title = title.replace(/.*(?= · )/, heading.textContent);
  heading.focus();
}

async function send() {
  if (isBusy || !check()) return;
  busy(true);
  const values = Object.fromEntries(fields.map(({ name, value }) => [name, value]).filter(([, value]) => value !== ''));
  try {
    const answer = await fetch(api, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...(secretName && { [secretName]: secret }), ...values }),
      signal: AbortSignal.timeout(30_000),
    });
    if (answer.ok) end('done', values);
    else refuse(await answer.json().catch(() => ({})), answer);
  } catch {
    complain('The server could not be reached. Check your connection, then try again.');
  } finally {
    busy(false);
  }
}

function end(state, values = {}) {
  for (const place of document.querySelectorAll('[data-value]')) place.textContent = values[place.dataset.value] ?? '';
  secret = undefined;
  form.reset();
  show(state);
}

/** A problem by RFC 9457: it ends the page, or belongs to a field, or is shown above the form. */
function refuse({ code, detail = 'Something went wrong on our side.', errors = [] }, { status, headers }) {
  if (document.querySelector(`[data-when="${code}"]`)) return end(code);
  if (errors.some(({ path }) => path === `/${secretName}`)) return end('incomplete');
  for (const field of fields) {
    const faults = errors.filter(({ path }) => path === `/${field.name}`).map(({ message }) => message);
    if (faults.length > 0) complainAbout(field, faults.join('. It '));
    // Taken by somebody else, as in `email_taken`.
    else if (code?.startsWith(`${field.name}_`)) complainAbout(field, undefined, detail);
  }
  if (focusFirstFault()) return;
  const wait = Number(headers.get('retry-after'));
  const again = wait > 0 ? `Try again in ${inWords(wait)}.` : 'Try again in a minute.';
  complain(status === 429 || status >= 500 ? `${detail} ${again}` : detail);
}

/** What can be known before anything is sent. */
function check() {
  complain(undefined);
  for (const field of fields) complainAbout(field, fault(field));
  return !focusFirstFault();
}

function focusFirstFault() {
  const first = fields.find((field) => field.getAttribute('aria-invalid') === 'true');
  first?.focus();
  return first !== undefined;
}

function fault({ name, value, required, validity }) {
  if (required && value === '') return 'is needed';
  if (validity.typeMismatch) return 'must look like name@example.com';
  if (name === 'password' && !isLongEnough(value)) return 'must have at least 8 characters';
  return undefined;
}

/** Counted as the server counts: signs, not the halves that some consist of. */
const isLongEnough = (password) => [...password.normalize('NFC')].length >= 8;

function complain(text) {
  alert.hidden = text === undefined;
  alert.textContent = text ?? '';
}

function complainAbout(field, message, sentence = message && `${labelOf(field)} ${message}.`) {
  field.setAttribute('aria-invalid', String(sentence !== undefined));
  document.getElementById(`${field.id}-error`).textContent = sentence ?? '';
}

const labelOf = ({ labels }) => labels[0].firstChild.textContent.trim();

function showRules() {
  const rule = form.querySelector('[data-rule="length"]');
  if (rule === null) return;
  const isMet = isLongEnough(form.elements.password.value);
  rule.classList.toggle('met', isMet);
  rule.querySelector('[data-state]').textContent = isMet ? ': done' : '';
}

function busy(is) {
  isBusy = is;
  submit.setAttribute('aria-disabled', String(is));
  submit.setAttribute('aria-busy', String(is));
  if (is) for (const button of form.querySelectorAll('[data-shows]')) showPassword(button, false);
}

function showPassword(button, is) {
  document.getElementById(button.dataset.shows).type = is ? 'text' : 'password';
  button.setAttribute('aria-pressed', String(is));
  button.textContent = is ? 'Hide' : 'Show';
}

const inWords = (seconds) => {
  const [count, unit] = seconds < 90 ? [seconds, 'second'] : [Math.ceil(seconds / 60), 'minute'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
};

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void send();
});
for (const field of fields) {
  field.addEventListener('input', () => {
    if (field.getAttribute('aria-invalid') === 'true' && fault(field) === undefined) complainAbout(field, undefined);
    showRules();
  });
}
for (const button of form.querySelectorAll('[data-shows]')) {
  button.addEventListener('click', () => showPassword(button, button.getAttribute('aria-pressed') !== 'true'));
}
// Another link in the same tab changes the fragment alone.
addEventListener('hashchange', () => {
  if (location.hash !== '') open();
});
open();
