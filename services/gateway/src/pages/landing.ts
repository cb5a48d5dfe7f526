import type { Http } from '@stoa/http';
import { escapeHtml, sendPage } from '@stoa/http/pages';
import type { Backend } from '../backends/backend.ts';
import { type Frame, hasMailbox } from './frame.ts';

/** `/`: what a person sees when opening the gateway in a browser. */
export function serveLanding(http: Http, frame: Frame, backends: readonly Backend[]): void {
  const cards = [
    ['/docs', 'API', 'Every endpoint, described and ready to try.'],
    ...(hasMailbox(backends) ? [['/mailbox', 'Mailbox', 'The mails that left, kept on this machine.']] : []),
    ['/problems', 'Errors', 'What each error means and how to mend it.'],
    ['/health/ready', 'Health', 'Every part and how it is.'],
    ['/metrics', 'Metrics', 'Numbers for Prometheus.'],
  ] as const;
  const list = cards.map(([href, name, what]) => `<li><a href="${href}"><strong>${name}</strong><span>${what}</span></a></li>`).join('\n');
  const html = frame({
    title: 'Stoa is running',
    body: `<p class="lead">One backend: ${escapeHtml(backends.map(({ name }) => name).join(', '))}, behind one gateway.</p><ul class="cards">${list}</ul>`,
  });
  http.get('/', { schema: { hide: true } }, async (_request, reply) => sendPage(reply, html));
}
