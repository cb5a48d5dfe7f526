import type { FastifyReply } from 'fastify';
import { PAGE_CSP } from './security-headers.ts';

interface PageParts {
  readonly title: string;
  /** HTML; what comes from outside must have gone through `escapeHtml`. */
  readonly body: string;
  /** HTML for the head: a stylesheet or a script of the page's own. */
  readonly head?: string;
  /** `wide` for documents and tables, `narrow` for a form. */
  readonly width?: 'wide' | 'narrow';
  /** Where the header leads to: path and name. A page that a mail leads to has none. */
  readonly nav?: readonly (readonly [path: string, name: string])[];
  /** False where the body brings headings of its own. */
  readonly heading?: boolean;
}

/**
 * The frame of every page: no inline script or style, so that the strict policy (`PAGE_CSP`) holds. Its stylesheet
 * and icon are served by the gateway below /assets/.
 */
export const page = ({ title, body, head = '', width, nav, heading = true }: PageParts): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · Stoa</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/stoa.css">
${head}
</head>
<body${width === undefined ? '' : ` class="${width}"`}>
<header>${nav === undefined ? `<p class="brand">${BRAND}</p>` : `<a class="brand" href="/">${BRAND}</a><nav>${nav.map(link).join('')}</nav>`}</header>
<main>
${heading ? `<h1>${escapeHtml(title)}</h1>` : ''}
${body}
</main>
</body>
</html>
`;

const BRAND = '<img src="/assets/icon.svg" alt="" width="28" height="28">Stoa';

const link = ([path, name]: readonly [string, string]) => `<a href="${path}">${escapeHtml(name)}</a>`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text as HTML. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string);

/** Escaped text, with `code` between back-ticks. */
export const prose = (text: string): string => escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');

/** Answers with a page, under the policy of pages. */
export const sendPage = (reply: FastifyReply, html: string): never =>
  reply.type('text/html; charset=utf-8').header('content-security-policy', PAGE_CSP).serializer(String).send(html) as never;

/** Whether HTML is what `Accept` asks for first, as browsers do; curl and fetch take anything, and get JSON (RFC 9110 §12.5.1). */
export function wantsHtml(accept = ''): boolean {
  const ranges = accept.split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    return { type, quality: Number(quality ?? 1) };
  });
  return ranges.toSorted((a, b) => b.quality - a.quality)[0]?.type === 'text/html';
}
