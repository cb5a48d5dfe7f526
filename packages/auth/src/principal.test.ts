import type { FastifyRequest } from 'fastify';
import { expect, test } from 'vitest';
import { callerOf, type Principal } from './principal.ts';

const permissions = new Set(['notes:write']);
const by = (principal?: Principal) => callerOf({ principal } as FastifyRequest);

test('a person calls by their account', () => {
  const person: Principal = { kind: 'user', id: 'p1', sessionId: 's1', roles: ['user'], permissions };
  expect(by(person)).toEqual({ actor: 'user:p1', userId: 'p1', permissions });
});

test('another back end has no account', () => {
  const backEnd: Principal = { kind: 'service-account', id: 'a1', name: 'crm', permissions };
  expect(by(backEnd)).toEqual({ actor: 'service-account:a1', userId: undefined, permissions });
});

test('nobody, and a service of Stoa itself, is no caller', () => {
  for (const principal of [undefined, { kind: 'service', name: 'mailer' } as const]) expect(() => by(principal)).toThrow('access token');
});
