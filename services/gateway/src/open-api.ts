import { type Http, mergeComponents, type OpenApiDocument, openApiOf, usedComponents } from '@stoa/http';
import type { Backend } from './backends/backend.ts';

/** What each process answers for itself, and what only services may call. */
const INTERNAL = /^\/(?:internal\/|health\/|metrics$)/;

/**
 * One document of all services: their public paths under the gateway's own title. What is internal stays out.
 * @throws Error when two services mean different things by one name.
 */
export function mergeOpenApi(gateway: Http, backends: readonly Backend[]): object {
  const own = openApiOf(gateway);
  const documents = [...backends.map((backend) => publicOf(backend.openApi())), own];
  const paths = Object.assign({}, ...documents.map((document) => document.paths ?? {}));
  const used = new Set(
    Object.values<NonNullable<OpenApiDocument['paths']>[string]>(paths).flatMap((path) =>
      Object.values(path).flatMap(({ tags }) => tags ?? []),
    ),
  );
  const tags = documents.flatMap((document) => document.tags ?? []);
  return {
    ...own,
    // Each once, those of the platform last.
    tags: tags.filter(({ name }, index) => used.has(name) && tags.findLastIndex((tag) => tag.name === name) === index),
    paths,
    components: mergeComponents(documents),
  };
}

function publicOf(document: OpenApiDocument): OpenApiDocument {
  const paths = Object.fromEntries(Object.entries(document.paths ?? {}).filter(([path]) => !INTERNAL.test(path)));
  return { ...document, paths, components: usedComponents({ ...document, paths }) };
}
