import { STATUS_CODES } from 'node:http';
import { EXAMPLE_ID, type Http, httpErrors, problems, statusOf, toProblem, withPage } from '@stoa/http';
import { escapeHtml, prose, sendPage, wantsHtml } from '@stoa/http/pages';
import { AppError, type ErrorCatalogue, type ErrorDefinition, named, orThrow } from '@stoa/service';
import { Type } from 'typebox';
import type { Frame } from './pages/frame.ts';

const Explanation = named(
  'ProblemExplanation',
  Type.Object({
    code: Type.String(),
    status: Type.Integer(),
    title: Type.String(),
    cause: Type.String(),
    fix: Type.String(),
    example: Type.Any({ description: 'An answer as a client gets it.' }),
  }),
);
const ExplanationList = named('ProblemExplanationList', Type.Object({ items: Type.Array(Explanation) }));

/** The pages that the `type` of every problem leads to: for people as HTML, for programs as JSON. */
export function serveProblems(http: Http, frame: Frame, catalogue: ErrorCatalogue): void {
  const codes = Object.keys(catalogue).sort();
  http.get(
    '/problems',
    {
      schema: {
        tags: ['operations'],
        summary: 'All errors',
        operationId: 'listProblems',
        response: { 200: withPage('What each error means.', ExplanationList) },
      },
    },
    async (request, reply) =>
      wantsHtml(request.headers.accept)
        ? sendPage(reply, listPage(frame, codes, catalogue))
        : { items: codes.map((code) => explain(code, catalogue[code] as ErrorDefinition)) },
  );
  http.get(
    '/problems/:code',
    {
      schema: {
        tags: ['operations'],
        summary: 'What an error means, why it happens and how to mend it',
        operationId: 'explainProblem',
        params: Type.Object({ code: Type.String() }),
        response: { 200: withPage('What the error means.', Explanation), ...problems(httpErrors, 'not_found') },
      },
    },
    async (request, reply) => {
      const { code } = request.params;
      const definition = orThrow(Object.hasOwn(catalogue, code) ? catalogue[code] : undefined, httpErrors.not_found);
      return wantsHtml(request.headers.accept) ? sendPage(reply, detailPage(frame, code, definition)) : explain(code, definition);
    },
  );
}

function explain(code: string, { kind, title, cause, fix }: ErrorDefinition) {
  const example = toProblem(new AppError(kind, code, { message: title }), EXAMPLE_ID);
  return { code, status: statusOf[kind], title, cause, fix, example };
}

function listPage(frame: Frame, codes: readonly string[], catalogue: ErrorCatalogue): string {
  const rows = codes.map((code) => {
    const { kind, title } = catalogue[code] as ErrorDefinition;
    return `<tr><td><a href="/problems/${code}"><code>${code}</code></a></td><td>${statusOf[kind]}</td><td>${escapeHtml(title)}</td></tr>`;
  });
  return frame({
    title: 'Errors',
    body: `<p class="lead">Every error answer is a problem by RFC 9457. Its <code>code</code> is stable; its <code>type</code> leads here.</p>
<table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`,
  });
}

function detailPage(frame: Frame, code: string, definition: ErrorDefinition): string {
  const { status, example } = explain(code, definition);
  return frame({
    title: code,
    body: `<p class="lead">${prose(definition.title)} <span class="badge">${status} ${STATUS_CODES[status]}</span></p>
<h2>Why it happens</h2><p>${prose(definition.cause)}</p>
<h2>What to do</h2><p>${prose(definition.fix)}</p>
<h2>The answer</h2><pre><code>HTTP/1.1 ${status} ${STATUS_CODES[status]}
content-type: application/problem+json; charset=utf-8

${escapeHtml(JSON.stringify(example, null, 2))}</code></pre>
<p><a href="/problems">All errors</a></p>`,
  });
}
