interface PageParts {
  readonly title: string;
  /** HTML; what comes from outside must have gone through `escapeHtml`. */
  readonly body: string;
  readonly head?: string;
  readonly wide?: boolean;
}

/** The frame of every page of the gateway: no inline script or style, so that the strict policy holds. */
export const page = ({ title, body, head = '', wide = false }: PageParts): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · Stoa</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/stoa.css">
${head}
</head>
<body${wide ? ' class="wide"' : ''}>
<header><a class="brand" href="/"><img src="/assets/icon.svg" alt="" width="28" height="28">Stoa</a><nav><a href="/docs">API</a><a href="/problems">Errors</a><a href="/health/ready">Health</a></nav></header>
<main>
<h1>${escapeHtml(title)}</h1>
${body}
</main>
</body>
</html>
`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text as HTML. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string);

/** Escaped text, with `code` between back-ticks. */
export const prose = (text: string): string => escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');
