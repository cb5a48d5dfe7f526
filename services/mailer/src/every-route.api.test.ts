import { serviceCredential } from '@stoa/auth';
import type { Http } from '@stoa/http';
import { askInBothCases, sendHostileBodies } from '@stoa/http/testing';
import type { Service } from '@stoa/service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { latest, mailerFixture } from './testing/mailer-fixture.ts';

let system: Awaited<ReturnType<typeof mailerFixture>>;
let service: Service;
let authorization: string;
beforeAll(async () => {
  system = await mailerFixture();
  service = await system.start();
  authorization = await system.who.person('mails:read', 'mails:resend');
});
afterAll(() => system[Symbol.asyncDispose]());
const http = () => service.http as unknown as Http;
const headers = ({ url }: { readonly url: string }) => ({
  authorization: url.startsWith('/internal/') ? serviceCredential(system.derive, 'gateway') : authorization,
});

test('every route refuses the worst bodies that it takes', async () => {
  expect(await sendHostileBodies(http(), { headers })).toEqual({ faults: [], unread: [] });
});

test('every route answers for an id in upper case as in lower case', async () => {
  const { email } = await system.request();
  const { message } = await latest(service, email);
  const { faults, asked } = await askInBothCases(http(), { headers, bodies: {}, id: message.id });
  expect(faults).toEqual([]);
  expect(asked).toBeGreaterThan(3);
});
