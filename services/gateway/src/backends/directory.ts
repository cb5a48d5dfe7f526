import { readFileSync } from 'node:fs';
import type { DeclaredRoute, OpenApiDocument } from '@stoa/http';
import type { ErrorCatalogue } from '@stoa/service';

/** What the gateway must know of a service that it does not have at hand. */
export interface DirectoryEntry {
  readonly routes: readonly DeclaredRoute[];
  readonly errors: ErrorCatalogue;
  readonly openApi: OpenApiDocument;
}

/** All services behind the gateway, by name. */
export type Directory = Readonly<Record<string, DirectoryEntry>>;

/** What `npm run reports` has written from the services' own instances. Read when it is needed, as one process needs none. */
export const readDirectory = (): Directory => JSON.parse(readFileSync(new URL('../directory.generated.json', import.meta.url), 'utf8'));
