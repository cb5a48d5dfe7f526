import { randomBytes } from 'node:crypto';
import { asyncApi } from '@stoa/contracts';
import { createKeys, createLog } from '@stoa/service';
import { GATEWAY, serviceNames } from '../services.ts';
import { readSettings } from '../settings.ts';
import { topologyOf } from '../topology.ts';
import { wire } from '../wiring.ts';

/** Prints the OpenAPI document of all services, as `/openapi.json` serves it. Needs nothing that runs. */
export async function printOpenApi(): Promise<void> {
  const wired = await wireForDocuments();
  const answer = await wired.front.http.inject('/openapi.json');
  console.log(JSON.stringify(answer.json(), null, 2));
  await wired.close();
}

/** Prints the AsyncAPI document of all events. */
export async function printAsyncApi(): Promise<void> {
  console.log(JSON.stringify(asyncApi(), null, 2));
}

/** All services with their routes, on databases that are never queried. */
export async function wireForDocuments() {
  return await wire({
    topology: topologyOf(readSettings({}, []), [GATEWAY, ...serviceNames]),
    environment: { MAIL_URL: 'mailbox:', PUBLIC_URL: 'http://localhost:3000' },
    derive: createKeys(randomBytes(32).toString('base64')),
    log: createLog({ level: 'silent' }),
    databaseUrl: (service) => `postgres://documents@127.0.0.1:1/${service}`,
  });
}
