import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createContext, createKeys, createLog, defineErrors, fakeClock, orThrow, runInContext, uuidv7 } from './index.ts';

describe('uuidv7', () => {
  test('has version, variant and the millisecond, and sorts by it', () => {
    const id = uuidv7(0x0123456789ab);
    expect(id).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(uuidv7(1) < uuidv7(2)).toBe(true);
  });

  test('sorts in the order of making within a millisecond, too', () => {
    const ids = Array.from({ length: 2_000 }, () => uuidv7(1_700_000_000_000));
    expect(ids.toSorted()).toEqual(ids);
  });

  test('does not repeat', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => uuidv7())).size).toBe(10_000);
  });
});

describe('the request context', () => {
  test('keeps a well-formed correlation id and replaces any other', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (sent) => {
        const { correlationId } = createContext({ correlationId: sent });
        expect(correlationId).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
        expect(correlationId === sent).toBe(/^[A-Za-z0-9._-]{1,128}$/.test(sent));
      }),
    );
  });
});

test('a log line has the correlation and the trace id of its request and no secret', () => {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const log = createLog({ destination });
  runInContext(createContext({ correlationId: 'c-1', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }), () =>
    log.info({ password: 'p4ss', body: { code: '1234' }, req: { headers: { authorization: 'Basic abc' } } }, 'done'),
  );
  const line = JSON.parse(lines.join('')) as Record<string, unknown>;
  expect(line).toMatchObject({
    level: 'info',
    correlationId: 'c-1',
    traceId: 'a'.repeat(32),
    msg: 'done',
    password: '[redacted]',
    body: { code: '[redacted]' },
  });
  expect(lines.join('')).not.toMatch(/p4ss|1234"|Basic abc/);
});

test('an error is logged by what may be known of it, its causes too', () => {
  const lines: string[] = [];
  const log = createLog({ destination: { write: (line: string) => void lines.push(line) } });
  const database = Object.assign(new Error('violates a constraint'), {
    code: '23502',
    table: 'users',
    detail: 'Failing row contains (ada@example.com, $2b$12$hash)',
  });
  log.error({ err: new Error('could not register', { cause: database }) }, 'request failed');
  expect(JSON.parse(lines[0] as string).err).toMatchObject({
    type: 'Error',
    message: 'could not register',
    cause: { code: '23502', table: 'users' },
  });
  expect(lines.join('')).not.toMatch(/ada@example|\$2b/);
});

test('keys differ by purpose, are stable, and need 32 bytes', () => {
  const derive = createKeys(Buffer.alloc(32, 7).toString('base64'));
  expect(derive('a')).toHaveLength(32);
  expect(derive('a')).toEqual(derive('a'));
  expect(derive('a')).not.toEqual(derive('b'));
  expect(() => createKeys('c2hvcnQ=')).toThrow(RangeError);
});

test('an error is made from its catalogue and can have a more specific message', () => {
  const errors = defineErrors({ taken: { kind: 'conflict', title: 'Taken.', cause: 'c', fix: 'f' } });
  expect(errors.taken({ retryAfterSeconds: 3 })).toMatchObject({
    kind: 'conflict',
    code: 'taken',
    message: 'Taken.',
    retryAfterSeconds: 3,
  });
  expect(errors.taken({ message: 'Taken by Ada.' })).toMatchObject({ title: 'Taken.', message: 'Taken by Ada.' });
  expect(errors.catalogue.taken.fix).toBe('f');
});

test('orThrow returns what was found, which may be empty, and throws the error where nothing was', () => {
  const errors = defineErrors({ lost: { kind: 'not-found', title: 'Lost.', cause: 'c', fix: 'f' } });
  for (const found of [0, '', false, null]) expect(orThrow(found, errors.lost)).toBe(found);
  expect(() => orThrow(undefined, errors.lost)).toThrow(expect.objectContaining({ code: 'lost' }));
});

test('a fake clock stands still until it is moved', () => {
  const clock = fakeClock(new Date(1_000));
  clock.advance(500);
  expect(clock.now()).toEqual(new Date(1_500));
});
