import { randomBytes } from 'node:crypto';
import { createKeys, createLog } from '@stoa/service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { wireForDocuments } from './commands/documents.ts';
import { GATEWAY, serviceNames } from './services.ts';
import { readSettings } from './settings.ts';
import { topologyOf } from './topology.ts';
import { type Wired, wire } from './wiring.ts';

/** Nobody listens there. */
const AWAY = 'http://127.0.0.1:1';

let whole: Wired;
let alone: Wired;
beforeAll(async () => {
  whole = await wireForDocuments();
  alone = await wire({
    topology: {
      ...topologyOf(readSettings({}, []), [GATEWAY]),
      elsewhere: new Map(serviceNames.map((name) => [name, [AWAY]])),
    },
    environment: {},
    derive: createKeys(randomBytes(32).toString('base64')),
    log: createLog({ level: 'silent' }),
    databaseUrl: () => '',
  });
});
afterAll(async () => {
  await alone.close();
  await whole.close();
});

test.for(['/openapi.json', '/problems'])('%s is complete at a gateway whose services are all away', async (path) => {
  const [answer, expected] = await Promise.all([alone, whole].map(({ front }) => front.http.inject(path)));
  expect(answer?.statusCode).toBe(200);
  expect(answer?.json()).toEqual(expected?.json());
});
