import { asyncApi } from '@stoa/contracts';
import { type Http, openApiOf } from '@stoa/http';
import { wireForDocuments } from '../../apps/server/src/commands/documents.ts';

const json = (document: unknown) => `${JSON.stringify(document, null, 2)}\n`;

/** The OpenAPI document of each service by itself, and the AsyncAPI document of all events. File name → content. */
export async function apiDocuments(): Promise<[string, string][]> {
  const wired = await wireForDocuments();
  try {
    const services = [...new Set([...wired.services, wired.front])];
    const openApi = services.map(({ name, http }): [string, string] => [`openapi/${name}.json`, json(openApiOf(http as Http))]);
    return [...openApi, ['asyncapi.json', json(asyncApi())]];
  } finally {
    await wired.close();
  }
}

/** The OpenAPI document of all services, as the gateway serves it. */
export async function publicDocument(): Promise<object> {
  const wired = await wireForDocuments();
  try {
    return (await wired.front.http.inject('/openapi.json')).json() as object;
  } finally {
    await wired.close();
  }
}
