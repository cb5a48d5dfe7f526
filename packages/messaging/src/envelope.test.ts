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

test('different contents have different ids', () => {
  expect(readEnvelope('a').message.id).not.toBe(readEnvelope('b').message.id);
});
