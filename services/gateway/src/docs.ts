import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Http, PAGE_CSP } from '@stoa/http';
import { page } from './pages/page.ts';

const swaggerUi = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
/** Read when they are asked for: nothing of them stays in memory. */
const FILES = {
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
} as const;

const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, displayOperationId: false, validatorUrl: null, tryItOutEnabled: true });`;

/** Interactive documents of all services at `/docs`, from this server alone and without inline scripts. */
export function serveDocs(http: Http): void {
  http.get('/docs', { schema: { hide: true } }, async (_request, reply) => {
    void reply.type('text/html; charset=utf-8').header('content-security-policy', PAGE_CSP);
    return page({
      title: 'API',
      head: '<link rel="stylesheet" href="/docs/swagger-ui.css">',
      body: '<p class="lead">Every endpoint, ready to try. The raw documents: <a href="/openapi.json">OpenAPI</a>, <a href="/asyncapi.json">AsyncAPI</a>.</p><div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script>',
      wide: true,
    });
  });
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
