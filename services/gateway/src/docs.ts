import { createReadStream, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Http } from '@stoa/http';
import { sendPage } from '@stoa/http/pages';
import type { Frame } from './pages/frame.ts';

const swaggerUi = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
/** Read when they are requested: nothing of them stays in memory. */
const FILES = {
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
} as const;

const START = readFileSync(new URL('pages/docs.js', import.meta.url), 'utf8');

/** Interactive documents of all services at `/docs`, from this server alone and without inline scripts. */
export function serveDocs(http: Http, frame: Frame): void {
  const html = frame({
    title: 'API',
    head: '<link rel="stylesheet" href="/docs/swagger-ui.css"><script type="module" src="/docs/start.js"></script>',
    body: '<p class="lead">Every endpoint, ready to try. The raw documents: <a href="/openapi.json">OpenAPI</a>, <a href="/asyncapi.json">AsyncAPI</a>.</p><div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script>',
    width: 'wide',
  });
  http.get('/docs', { schema: { hide: true } }, async (_request, reply) => sendPage(reply, html));
  http.get('/docs/start.js', { schema: { hide: true } }, async (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(START),
  );
  for (const [file, type] of Object.entries(FILES)) {
    http.get(`/docs/${file}`, { schema: { hide: true } }, async (_request, reply) =>
      reply
        .type(type)
        .header('cache-control', 'public, max-age=3600')
        .send(createReadStream(join(swaggerUi, file))),
    );
  }
}
