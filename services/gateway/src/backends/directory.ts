import { readFileSync } from 'node:fs';
import type { DeclaredRoute, OpenApiDocument } from '@stoa/http';
import type { ErrorCatalogue } from '@stoa/service';

/** What a service declares: an entry of `directory.generated.json`. */
export interface Declaration {
  readonly routes: readonly DeclaredRoute[];
  readonly errors: ErrorCatalogue;
}

/** What the gateway must know of a service that does not run in its process. */
export interface DirectoryEntry extends Declaration {
  /** Read only when it is asked for, as it is large. */
  openApi(): OpenApiDocument;
}

/** All services behind the gateway, by name. */
export type Directory = Readonly<Record<string, DirectoryEntry>>;

/** Both are written by `npm run reports` from the services' own instances. */
const DECLARATIONS = new URL('../directory.generated.json', import.meta.url);
const DOCUMENTS = new URL('../../../../docs/reference/openapi/', import.meta.url);

const readJson = (file: URL) => JSON.parse(readFileSync(file, 'utf8'));

/** Calls no service, so that an unavailable one is known too. To be called only where it is needed: a single process needs none. */
export function readDirectory(): Directory {
  const declarations: Record<string, Declaration> = readJson(DECLARATIONS);
  const entries = Object.entries(declarations).map(([name, declaration]): [string, DirectoryEntry] => [
    name,
    { ...declaration, openApi: () => readJson(new URL(`${name}.json`, DOCUMENTS)) },
  ]);
  return Object.fromEntries(entries);
}
