import type { Declaration } from '@stoa/gateway';
import type { Http } from '@stoa/http';
import { wireForDocuments } from '../../apps/server/src/commands/documents.ts';

/** What each service declares, for a gateway that runs in another process: the text of `directory.generated.json`. */
export async function gatewayDirectory(): Promise<string> {
  const wired = await wireForDocuments();
  try {
    const entries = wired.services.map(({ name, http }): [string, Declaration] => {
      const { declaredRoutes: routes, errorCatalogue: errors } = http as Http;
      return [name, { routes, errors }];
    });
    return `${JSON.stringify(Object.fromEntries(entries), null, 1)}\n`;
  } finally {
    await wired.close();
  }
}
