import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readEnvelope } from './envelope.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('whatever comes becomes a message that can be stored, and the same one when it comes again', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (received) => {
      const { message, fault } = readEnvelope(received);
      expect(fault).toMatch(/^not a message/);
      expect(message.id).toMatch(UUID);
      expect(message.data).toEqual(received);
      expect(readEnvelope(received).message.id).toBe(message.id);
    }),
  );
});

const dated = (occurredAt: string) => ({
  ...{ id: '0198c6d2-4a5e-7c3a-9f00-000000000001', type: 'happened', version: 1, source: 'sender', key: 'a', occurredAt },
  ...{ correlationId: '', traceparent: '', data: {} },
});

test.for([
  '0000-01-01T00:00:00Z',
  '2016-12-31T23:59:59+23:59',
  '2016-12-31T23:59:59-16:00',
  `2016-12-31T23:59:59.${'0'.repeat(200)}Z`,
  '2016-12-31T23:59:59Z[Europe/Paris]',
])('a time that Postgres would not take is a fault: %s', (occurredAt) => {
  expect(readEnvelope(dated(occurredAt)).fault).toMatch(/^not a message: \/occurredAt/);
});

test.for(['2016-12-31T23:59:60Z', '2016-12-31t23:59:59.123456z', '1000-01-01T00:00:00+15:59', '9999-12-31T23:59:59.999Z'])(
  'a time that Postgres takes is none: %s',
  (occurredAt) => {
    expect(readEnvelope(dated(occurredAt)).fault).toBeUndefined();
  },
);

test('different contents have different ids', () => {
  expect(readEnvelope('a').message.id).not.toBe(readEnvelope('b').message.id);
});
