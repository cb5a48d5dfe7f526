import { afterEach, describe, expect, test } from 'vitest';
import {
  AppError,
  createContext,
  currentContext,
  inReceivedSpan,
  inSpan,
  runInContext,
  type SpanStart,
  startSpan,
  traceWith,
} from './index.ts';

const RECEIVED = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const start = (name: string): SpanStart => ({ kind: 'client', name, attributes: {} });

interface Kept extends SpanStart {
  readonly traceparent: string;
  readonly parent: string | undefined;
  readonly failure?: string;
}

/** Keeps ended spans in a list, in the order of their ends. */
function keepSpans(): readonly Kept[] {
  const kept: Kept[] = [];
  let count = 0;
  traceWith((begun, parent) => {
    const traceparent = `${parent?.traceparent.slice(0, 36) ?? `00-${'c'.repeat(32)}-`}${String(++count).padStart(16, '0')}-01`;
    let failure: string | undefined;
    return {
      traceparent,
      rename() {},
      set() {},
      fail: (type) => (failure = type),
      end: () => kept.push({ ...begun, traceparent, parent: parent?.traceparent, ...(failure && { failure }) }),
    };
  });
  return kept;
}

describe('spans', () => {
  afterEach(() => traceWith(undefined));

  test('work runs in its span, which is the parent of what it begins, here and elsewhere', async () => {
    const kept = keepSpans();
    const inner = await inReceivedSpan(
      { traceparent: RECEIVED, correlationId: 'c-1' },
      () => start('outer'),
      () =>
        inSpan(
          () => start('inner'),
          async () => currentContext(),
        ),
    );
    expect(kept.map(({ name }) => name)).toEqual(['inner', 'outer']);
    const [innerSpan, outerSpan] = kept;
    expect(outerSpan?.parent).toBe(RECEIVED);
    expect(innerSpan?.parent).toBe(outerSpan?.traceparent);
    expect(inner).toEqual({ correlationId: 'c-1', traceparent: innerSpan?.traceparent });
  });

  test('what came without a trace, or with a malformed one, begins one', async () => {
    const kept = keepSpans();
    await inReceivedSpan(
      { traceparent: '' },
      () => start('one'),
      async () => {},
    );
    startSpan({ traceparent: 'not one' }, () => start('two'))?.end();
    expect(kept.map(({ parent }) => parent)).toEqual([undefined, undefined]);
  });

  test('work outside a request or message is not kept', async () => {
    const kept = keepSpans();
    await expect(
      inSpan(
        () => start('background'),
        async (span) => span,
      ),
    ).resolves.toBeUndefined();
    expect(kept).toEqual([]);
  });

  test.for([
    [new AppError('conflict', 'taken', { message: 'Taken by ada@example.com' }), 'taken'],
    [Object.assign(new Error('Key (email)=(ada@example.com) exists'), { code: '23505' }), '23505'],
    [new TypeError('of ada@example.com'), 'TypeError'],
    [Object.assign(new Error(), { code: 'ada@example.com', name: 'ada@example.com' }), 'Error'],
    ['ada@example.com', 'Error'],
  ] as const)('a failure passes on, and is kept by its code or class alone: %s', async ([error, type]) => {
    const kept = keepSpans();
    const failing = runInContext(createContext(), () =>
      inSpan(
        () => start('work'),
        () => Promise.reject(error),
      ),
    );
    await expect(failing).rejects.toBe(error);
    expect(kept).toMatchObject([{ name: 'work', failure: type }]);
    expect(JSON.stringify(kept)).not.toContain('ada@');
  });

  test('nothing is described when nobody keeps spans, and the context is that of the message', async () => {
    const describe = () => {
      throw new Error('described');
    };
    await inReceivedSpan({ correlationId: 'c-1', traceparent: RECEIVED }, describe, async () => {
      expect(currentContext()).toEqual({ correlationId: 'c-1', traceparent: RECEIVED });
      await inSpan(describe, async () => expect(currentContext()?.traceparent).toBe(RECEIVED));
    });
    expect(startSpan({ traceparent: RECEIVED }, describe)).toBeUndefined();
  });
});
