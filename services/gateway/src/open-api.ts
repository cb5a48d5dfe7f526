import type { Http } from '@stoa/http';
import type { Behind } from './behind/behind.ts';
import type { OpenApiDocument } from './behind/open-api-document.ts';

/** One document of all services: their public paths under the gateway's own title. What is internal stays out. */
export function mergeOpenApi(gateway: Http, behind: readonly Behind[]): object {
  const own = gateway.swagger() as OpenApiDocument;
  const documents = behind.map((each) => each.openApi());
  const paths = documents
    .flatMap((document) => Object.entries(document.paths ?? {}))
    .filter(([path]) => !/^\/(?:internal\/|health\/|metrics$)/.test(path));
  const merged = { ...Object.fromEntries(paths), ...own.paths };
  const used = new Set(Object.values(merged).flatMap((path) => Object.values(path).flatMap(({ tags }) => tags ?? [])));
  const tags = [...documents, own].flatMap((document) => document.tags ?? []);
  return {
    ...own,
    // Each once, those of the house last.
    tags: tags.filter(({ name }, index) => used.has(name) && tags.findLastIndex((tag) => tag.name === name) === index),
    paths: merged,
    components: {
      ...own.components,
      schemas: Object.assign({}, ...[own, ...documents].map((document) => document.components?.schemas ?? {})),
    },
  };
}
