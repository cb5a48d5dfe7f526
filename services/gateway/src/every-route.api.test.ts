import { randomUUID } from 'node:crypto';
import { type TestIdentity, testIdentity } from '@stoa/auth/testing';
import type { Http } from '@stoa/http';
import { askInBothCases, sendHostileBodies } from '@stoa/http/testing';
import { createKeys, createLog, createMetrics } from '@stoa/service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gateway } from './index.ts';
import { createDeadLetterService } from './testing/dead-letter-service.ts';

let who: TestIdentity;
let stones: Awaited<ReturnType<typeof createDeadLetterService>>;
let http: Http;
let authorization: string;
beforeAll(async () => {
  who = await testIdentity();
  const shared = {
    identity: who.identity,
    derive: createKeys(Buffer.alloc(32, 9).toString('base64')),
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
  };
  stones = await createDeadLetterService('stones', shared);
  http = (await gateway.create({ ...shared, services: [stones.service], asyncApi: {} })).http as unknown as Http;
  await http.ready();
  authorization = await who.person('dead-letters:read', 'dead-letters:replay');
});
afterAll(async () => {
  await http.close();
  await stones.dispose();
  await who[Symbol.asyncDispose]();
});
const headers = () => ({ authorization });

test('every route refuses the worst bodies that it takes', async () => {
  expect(await sendHostileBodies(http, { headers })).toEqual({ faults: [], unread: [] });
});

// Ids of dead letters are no UUIDs: they have one spelling.
test('every route answers for an unknown UUID in upper case as in lower case', async () => {
  const { faults, asked } = await askInBothCases(http, { headers, bodies: {}, id: randomUUID() });
  expect(faults).toEqual([]);
  expect(asked).toBeGreaterThan(3);
});
