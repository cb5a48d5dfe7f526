/** The mailbox page. The address bar holds what is shown: `?to=` the filter, `#<id>` the open message. */
const $ = (id) => document.getElementById(id);
const shown = new Map();
let nextCursor = null;
let raw = new AbortController();

const filter = () => new URLSearchParams(location.search).get('to') ?? '';

async function load(cursor) {
  const query = new URLSearchParams({ limit: '50', ...(filter() && { to: filter() }), ...(cursor && { cursor }) });
  const answer = await fetch(`/mailbox/messages?${query}`);
  if (!answer.ok) throw new Error(`the mailbox answered ${answer.status}`);
  return await answer.json();
}

/** Brings the newest page in; what is older and already shown stays. */
async function refresh({ announce = false } = {}) {
  const page = await load();
  const fresh = page.items.filter(({ id }) => !shown.has(id));
  if (shown.size === 0 || page.items.length === 0) {
    shown.clear();
    nextCursor = page.nextCursor;
    $('messages').replaceChildren();
  }
  for (const message of fresh) shown.set(message.id, message);
  $('messages').prepend(...fresh.map((message) => item(message, announce)));
  render();
}

async function showOlder() {
  const page = await load(nextCursor);
  nextCursor = page.nextCursor;
  for (const message of page.items) shown.set(message.id, message);
  $('messages').append(...page.items.map((message) => item(message, false)));
  render();
}

function item({ id, subject, to, receivedAt }, isNew) {
  const link = element('a', { className: isNew ? 'item new' : 'item', href: `#${id}` });
  const time = element('time', { dateTime: receivedAt, textContent: shortTime(receivedAt), title: longTime(receivedAt) });
  link.append(element('strong', { textContent: subject || '(no subject)' }), time, element('span', { className: 'to', textContent: to }));
  const row = element('li', {});
  row.append(link);
  return row;
}

function render() {
  const nobody = shown.size === 0;
  $('mailbox').classList.toggle('nobody', nobody);
  $('nothing').hidden = !nobody;
  $('empty').hidden = nobody;
  $('more').hidden = nextCursor === null;
  $('example').hidden = filter() !== '';
  $('nothing-title').textContent = filter() ? `Nothing for ${filter()}` : 'No mail yet';
  $('nothing-text').hidden = filter() !== '';
  void open(location.hash.slice(1));
}

async function open(id) {
  for (const link of document.querySelectorAll('.item')) link.setAttribute('aria-current', String(link.hash === `#${id}` && id !== ''));
  const isOpen = id !== '' && shown.has(id);
  $('mailbox').classList.toggle('reading', isOpen);
  $('message').hidden = !isOpen;
  $('choose').hidden = isOpen;
  if (!isOpen || $('message').dataset.id === id) return;
  const answer = await fetch(`/mailbox/messages/${id}`);
  if (!answer.ok) return;
  const message = await answer.json();
  $('message').dataset.id = id;
  $('subject').textContent = message.subject || '(no subject)';
  $('from').textContent = message.from;
  $('recipient').textContent = message.to;
  $('received').textContent = longTime(message.receivedAt);
  $('received').dateTime = message.receivedAt;
  $('code-box').hidden = message.code === null;
  $('code').textContent = message.code ?? '';
  $('copy').textContent = 'Copy code';
  $('links').replaceChildren(...message.links.map(linkItem));
  $('text').textContent = message.text;
  $('raw').textContent = '';
  $('preview').src = `/mailbox/messages/${id}/html`;
  $('tab-html').hidden = message.html === null;
  void select(message.html === null ? 'text' : 'html');
}

function linkItem(href) {
  const link = element('a', { href, textContent: href, rel: 'noopener noreferrer', target: '_blank' });
  const row = element('li', {});
  row.append(link);
  return row;
}

async function select(part) {
  for (const name of ['html', 'text', 'raw']) {
    $(`tab-${name}`).setAttribute('aria-selected', String(name === part));
    $(`tab-${name}`).tabIndex = name === part ? 0 : -1;
    $(`part-${name}`).hidden = name !== part;
  }
  if (part !== 'raw' || $('raw').textContent !== '') return;
  raw.abort();
  raw = new AbortController();
  const answer = await fetch(`/mailbox/messages/${$('message').dataset.id}/raw`, { signal: raw.signal });
  $('raw').textContent = await answer.text();
}

async function copyCode() {
  try {
    await navigator.clipboard.writeText($('code').textContent);
    $('copy').textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren($('code'));
    $('copy').textContent = 'Press Ctrl+C';
  }
}

function watch() {
  const events = new EventSource('/mailbox/events');
  const say = (text, on) => {
    $('live').textContent = text;
    $('live').classList.toggle('on', on);
  };
  events.addEventListener('open', () => {
    say('live', true);
    // Something may have come while nobody listened.
    void refresh({ announce: true }).catch(() => {});
  });
  events.addEventListener('arrival', () => void refresh({ announce: true }).catch(() => {}));
  events.addEventListener('error', () => say('reconnecting', false));
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

function shortTime(iso) {
  const date = new Date(iso);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday
    ? date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
    : date.toLocaleDateString([], { month: 'short', day: 'numeric' });
}

const longTime = (iso) => new Date(iso).toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium' });

function reload() {
  shown.clear();
  return refresh();
}

for (const name of ['html', 'text', 'raw']) $(`tab-${name}`).addEventListener('click', () => void select(name));
document.querySelector('[role="tablist"]').addEventListener('keydown', ({ key }) => {
  if (key !== 'ArrowLeft' && key !== 'ArrowRight') return;
  const tabs = [...document.querySelectorAll('[role="tab"]:not([hidden])')];
  const at = tabs.findIndex((tab) => tab.getAttribute('aria-selected') === 'true');
  const next = tabs[(at + (key === 'ArrowRight' ? 1 : tabs.length - 1)) % tabs.length];
  next.focus();
  next.click();
});
$('copy').addEventListener('click', () => void copyCode());
$('more').addEventListener('click', () => void showOlder());
$('back').addEventListener('click', () => {
  location.hash = '';
});
$('to').addEventListener('change', () => {
  const to = $('to').value.trim();
  history.replaceState(null, '', to ? `?${new URLSearchParams({ to })}` : location.pathname);
  void reload();
});
$('empty').addEventListener('click', async () => {
  if (!confirm('Delete every message in the mailbox?')) return;
  await fetch('/mailbox/messages', { method: 'DELETE' });
  await reload();
});
addEventListener('hashchange', () => void open(location.hash.slice(1)));

$('to').value = filter();
$('example').textContent = [
  `curl ${location.origin}/v1/users`,
  `-H 'Content-Type: application/json'`,
  `-d '{"email":"ada@example.com","password":"a long pass phrase"}'`,
].join(' \\\n  ');
watch();
await refresh();
