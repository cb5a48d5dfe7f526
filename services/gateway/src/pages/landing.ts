import { type Http, PAGE_CSP } from '@stoa/http';
import type { Service } from '@stoa/service';
import { escapeHtml, page } from './page.ts';

/** `/`: what a person finds who opens the gateway in a browser. */
export function serveLanding(http: Http, services: readonly Service[]): void {
  const hasMailbox = services.some((service) => (service.http as Http).declaredRoutes.some(({ url }) => url === '/mailbox'));
  const cards = [
    ['/docs', 'API', 'Every endpoint, described and ready to try.'],
    ...(hasMailbox ? [['/mailbox', 'Mailbox', 'The mails that left, kept on this machine.']] : []),
    ['/problems', 'Errors', 'What each error means and how to mend it.'],
    ['/health/ready', 'Health', 'Every part and how it is.'],
    ['/metrics', 'Metrics', 'Numbers for Prometheus.'],
  ] as const;
  const list = cards.map(([href, name, what]) => `<li><a href="${href}"><strong>${name}</strong><span>${what}</span></a></li>`).join('\n');
  const html = page({
    title: 'Stoa is running',
    body: `<p class="lead">One backend: ${escapeHtml(services.map(({ name }) => name).join(', '))}, behind one gateway.</p><ul class="cards">${list}</ul>`,
  });
  http.get('/', { schema: { hide: true } }, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', PAGE_CSP).send(html),
  );
}
