import { createConfig, lintFromString } from '@redocly/openapi-core';

const config = await createConfig({ extends: ['recommended'] });

/** What Redocly's recommended rules call an error in an OpenAPI document. */
export async function lintDocument(name: string, document: object): Promise<string[]> {
  const problems = await lintFromString({ source: JSON.stringify(document), absoluteRef: `${name}.json`, config });
  return problems
    .filter(({ severity }) => severity === 'error')
    .map(({ ruleId, message, location }) => `${name} ${location[0]?.pointer ?? ''}: ${message} (${ruleId})`);
}
