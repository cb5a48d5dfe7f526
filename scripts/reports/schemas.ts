import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrationSourcesOf } from '@stoa/kit';
import { describeSchema, ensureDatabase, migrate, readRelations, rowTypes } from '@stoa/postgres';
import { startTestServer } from '@stoa/postgres/testing';
import { createLog } from '@stoa/service';
import { loadServices } from '../../apps/server/src/services.ts';

const root = join(import.meta.dirname, '../..');

/**
 * What migrations make of an empty database: for each service a document of all its tables, and for each folder of migrations, of a service or
 * of a package, the types of the rows of those that it adds. Path from the root → content.
 */
export async function schemaReports(): Promise<[string, string][]> {
  const server = await startTestServer();
  const log = createLog({ level: 'silent' });
  const reports: [string, string][] = [];
  try {
    for (const service of await loadServices()) {
      const { name, migrations } = service;
      if (migrations === undefined) continue;
      const url = await ensureDatabase({ adminUrl: server.url, database: name, role: name, password: name });
      const known = new Set(['migrations']);
      const sources = migrationSourcesOf(service);
      for (const [index, { directory }] of sources.entries()) {
        await migrate({ url, sources: sources.slice(0, index + 1), log });
        const added = (await readRelations(url)).filter((relation) => !known.has(relation.name));
        for (const relation of added) known.add(relation.name);
        reports.push([rowTypesFile(directory), rowTypes(added)]);
      }
      const tables = describeSchema(await readRelations(url)).trimEnd();
      reports.push([
        `docs/reference/schema/${name}.md`,
        `# Tables of ${name}\n\nMade by \`npm run reports\` from its migrations.\n\n${tables}\n`,
      ]);
    }
    return reports;
  } finally {
    await server.stop();
  }
}

/** Beside the code that reads the rows: where there are layers, in that of the database. */
function rowTypesFile(migrations: URL): string {
  const sources = fileURLToPath(new URL('../src/', migrations));
  const layer = join(sources, 'infrastructure');
  return relative(root, join(existsSync(layer) ? layer : sources, 'tables.generated.ts'));
}
