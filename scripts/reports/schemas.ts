import { describeSchema } from '@stoa/postgres';
import { startTestServer } from '@stoa/postgres/testing';
import { createKeys, createLog } from '@stoa/service';
import { databaseUrl, prepareDatabase } from '../../apps/server/src/databases.ts';
import { loadServices } from '../../apps/server/src/services.ts';

/** What each service's migrations make of an empty database. File name → content. */
export async function schemaDocuments(): Promise<[string, string][]> {
  const server = await startTestServer();
  try {
    const place = { adminUrl: server.url, prefix: 'stoa_', derive: createKeys(Buffer.alloc(32).toString('base64')), environment: {} };
    const log = createLog({ level: 'silent' });
    const documents: [string, string][] = [];
    for (const service of await loadServices()) {
      if (service.migrations === undefined) continue;
      await prepareDatabase(service, place, log);
      const tables = await describeSchema(databaseUrl(service.name, place));
      documents.push([
        `schema/${service.name}.md`,
        `# Tables of ${service.name}\n\nMade by \`npm run reports\` from its migrations.\n\n${tables.trimEnd()}\n`,
      ]);
    }
    return documents;
  } finally {
    await server.stop();
  }
}
