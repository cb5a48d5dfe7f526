import { isDeepStrictEqual } from 'node:util';

type Kind = Record<string, unknown>;

export interface OpenApiOperation {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  responses?: Record<string, unknown>;
  [more: string]: unknown;
}

/** What of a description is looked at here; the rest goes along. */
export interface OpenApiDocument {
  readonly paths?: Record<string, Record<string, OpenApiOperation>>;
  readonly tags?: { readonly name: string; readonly description?: string }[];
  readonly components?: Record<string, Kind>;
}

const REFERENCE = /^#\/components\/([^/]+)\/([^/]+)$/;

/** The components that the paths refer to, or that these refer to; the security schemes that an operation names. */
export function usedComponents({ paths = {}, components = {} }: OpenApiDocument): Record<string, Kind> {
  const used = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, each] of Object.entries(value)) {
      const [, kind, name] = (key === '$ref' && REFERENCE.exec(String(each))) || [];
      if (kind === undefined || name === undefined) visit(each);
      else if (!used.has(`${kind}/${name}`)) {
        used.add(`${kind}/${name}`);
        visit(components[kind]?.[name]);
      }
    }
  };
  visit(paths);
  for (const { security = [] } of Object.values(paths).flatMap(Object.values)) {
    for (const name of security.flatMap(Object.keys)) used.add(`securitySchemes/${name}`);
  }
  const kinds = Object.entries(components).map(([kind, all]): [string, Kind] => [
    kind,
    Object.fromEntries(Object.entries(all).filter(([name]) => used.has(`${kind}/${name}`))),
  ]);
  return Object.fromEntries(kinds.filter(([, all]) => Object.keys(all).length > 0));
}

/**
 * The components of several documents as those of one.
 * @throws Error when a name means one thing here and another there.
 */
export function mergeComponents(documents: readonly OpenApiDocument[]): Record<string, Kind> {
  const merged: Record<string, Kind> = {};
  for (const [kind, all] of documents.flatMap(({ components = {} }) => Object.entries(components))) {
    const known = (merged[kind] ??= {});
    for (const [name, component] of Object.entries(all)) {
      if (name in known && !isDeepStrictEqual(known[name], component))
        throw new Error(`two services describe different ${kind} by the name ${name}`);
      known[name] = component;
    }
  }
  return merged;
}
