import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { clientTypes, compile } from './api/client-types.ts';
import { lintDocument } from './api/lint.ts';
import { release, releaseFaults } from './api/released.ts';
import { publicDocument } from './reports/documents.ts';

/**
 * `node scripts/check-api.ts`: others can work with the OpenAPI documents. Each passes Redocly's recommended rules, and openapi-typescript
 * makes types of it that compile; so does the one of all services, as the gateway serves it. Nothing breaks clients written for the
 * documents of the last release. `--release` makes the committed documents those of the last release.
 */
if (process.argv.includes('--release')) release();

const reference = join(import.meta.dirname, '../docs/reference/openapi');
const committed = globSync('*.json', { cwd: reference }).map((file): [string, object] => [
  basename(file, '.json'),
  JSON.parse(readFileSync(join(reference, file), 'utf8')) as object,
]);
const documents = [...committed, ['all', await publicDocument()] as const];

const linted = await Promise.all(documents.map(([name, document]) => lintDocument(name, document)));
const types = await Promise.all(documents.map(async ([name, document]) => [`${name}.ts`, await clientTypes(document)] as const));
const faults = [...linted.flat(), ...compile(Object.fromEntries(types)), ...releaseFaults()];

for (const fault of faults) console.error(fault);
if (faults.length > 0) {
  console.error(
    'api: existing clients must go on working. An intended break is listed with its reason in docs/released/meant-breaks.json.',
  );
  process.exitCode = 1;
} else console.log(`api: ${documents.length} documents without an error, and nothing that was released is broken`);
