import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { clientTypes, compile } from './api/client-types.ts';
import { lintDocument } from './api/lint.ts';
import { publicDocument } from './reports/documents.ts';

/**
 * `node scripts/check-api.ts`: that others can work with the OpenAPI documents. Each passes Redocly's recommended rules, and openapi-typescript
 * makes types of it that compile; so does the one of all services, as the gateway serves it.
 */
const reference = join(import.meta.dirname, '../docs/reference/openapi');
const committed = globSync('*.json', { cwd: reference }).map((file): [string, object] => [
  basename(file, '.json'),
  JSON.parse(readFileSync(join(reference, file), 'utf8')) as object,
]);
const documents = [...committed, ['all', await publicDocument()] as const];

const linted = await Promise.all(documents.map(([name, document]) => lintDocument(name, document)));
const types = await Promise.all(documents.map(async ([name, document]) => [`${name}.ts`, await clientTypes(document)] as const));
const faults = [...linted.flat(), ...compile(Object.fromEntries(types))];

for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else console.log(`api: ${documents.length} documents, without an error`);
