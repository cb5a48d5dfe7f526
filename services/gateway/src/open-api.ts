import type { Http } from '@stoa/http';
import type { Service } from '@stoa/service';

interface Document {
  readonly paths?: Record<string, unknown>;
  readonly tags?: { name: string; description?: string }[];
  readonly components?: { schemas?: Record<string, unknown>; securitySchemes?: Record<string, unknown> };
}

/** One document of all services: their public paths under the gateway's own title. What is internal stays out. */
export function mergeOpenApi(gateway: Http, services: readonly Service[]): object {
  const own = gateway.swagger() as Document;
  const documents = services.map(({ http }) => (http as Http).swagger() as Document);
  const paths = documents
    .flatMap((document) => Object.entries(document.paths ?? {}))
    .filter(([path]) => !/^\/(?:internal\/|health\/|metrics$)/.test(path));
  return {
    ...own,
    tags: [own, ...documents].flatMap((document) => document.tags ?? []),
    paths: { ...Object.fromEntries(paths), ...own.paths },
    components: {
      ...own.components,
      schemas: Object.assign({}, ...[own, ...documents].map((document) => document.components?.schemas ?? {})),
    },
  };
}
