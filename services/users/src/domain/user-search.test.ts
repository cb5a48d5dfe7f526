import { expect, test } from 'vitest';
import { parseUserSearch } from './user-search.ts';

test.for([
  ['Ada  Lovelace', { text: 'ada lovelace', anywhere: true }],
  ['an', { text: 'an', anywhere: false }],
  ['a1', { text: 'a1', anywhere: false }],
  ['Ada@Example.com', { text: 'ada@example.com', anywhere: true, begins: { fields: ['email'], value: 'ada@example.com' } }],
  ['@example.com', { text: '@example.com', anywhere: true }],
  ['ada1815', { text: 'ada1815', anywhere: true, begins: { fields: ['email', 'login'], value: 'ada1815' } }],
  ['ada 1815', { text: 'ada 1815', anywhere: true }],
  ['030 / 90 18-20', { text: '30901820', anywhere: true }],
  ['+49 (30) 901820', { text: '4930901820', anywhere: true, begins: { fields: ['phone'], value: '+4930901820' } }],
  ['0049 30 901820', { text: '4930901820', anywhere: true, begins: { fields: ['phone'], value: '+4930901820' } }],
  ['%_', undefined],
] as const)('%s is looked for as %j', ([q, expected]) => {
  expect(parseUserSearch(q)).toEqual(expected);
});
