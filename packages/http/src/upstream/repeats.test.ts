import { expect, test } from 'vitest';
import { isRepeatHarmless } from './repeats.ts';

test.for([
  // Nothing was sent.
  ['POST', { isSent: false, isReplayable: false }, 'ECONNREFUSED', true],
  ['POST', { isSent: false, isReplayable: false }, 'UND_ERR_CONNECT_TIMEOUT', true],
  // The connection broke under it.
  ['GET', {}, 'ECONNRESET', true],
  ['HEAD', {}, 'UND_ERR_SOCKET', true],
  ['DELETE', {}, 'EPIPE', true],
  ['PUT', {}, 'UND_ERR_SOCKET', true],
  ['PUT', { isReplayable: false }, 'UND_ERR_SOCKET', false],
  ['POST', {}, 'UND_ERR_SOCKET', false],
  ['PATCH', {}, 'ECONNRESET', false],
  ['POST', { hasKey: true }, 'UND_ERR_SOCKET', true],
  ['POST', { hasKey: true, isReplayable: false }, 'UND_ERR_SOCKET', false],
  // It was slow, or is no server.
  ['GET', {}, 'UND_ERR_HEADERS_TIMEOUT', false],
  ['GET', {}, 'HPE_INVALID_CONSTANT', false],
  ['POST', { hasKey: true }, 'UND_ERR_HEADERS_TIMEOUT', false],
] as const)('%s %o after %s: %s', ([method, more, code, expected]) => {
  expect(isRepeatHarmless({ method, hasKey: false, isReplayable: true, isSent: true, ...more }, code)).toBe(expected);
});
