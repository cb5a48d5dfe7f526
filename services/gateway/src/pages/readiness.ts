import type { Readiness } from '@stoa/http';
import { escapeHtml } from '@stoa/http/pages';
import type { Frame } from './frame.ts';

const TITLES: Record<Readiness['status'], string> = {
  ready: 'Everything needed is there',
  degraded: 'Degraded: requests are served, and background work waits',
  'not ready': 'Not ready',
};

/** `/health/ready` for people: every part and how it is. */
export function readinessPage(frame: Frame, { status, parts }: Readiness): string {
  const rows = parts.map(({ name, ok, detail, background }) => {
    const state = ok ? 'works' : background ? 'does not work; what depends on it waits' : 'does not work';
    return `<tr><td>${escapeHtml(name)}</td><td class="${ok ? 'works' : 'fails'}">${state}</td><td>${escapeHtml(detail ?? '')}</td></tr>`;
  });
  return frame({
    title: TITLES[status],
    body: `<p class="lead">${escapeHtml(summaryOf(parts))} Programs get the same as JSON.</p>
<table><thead><tr><th>Part</th><th>State</th><th>Detail</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`,
  });
}

function summaryOf(parts: Readiness['parts']): string {
  const failing = parts.filter(({ ok }) => !ok).length;
  return failing === 0 ? `All ${parts.length} parts work.` : `${failing} of ${parts.length} parts do not work.`;
}
