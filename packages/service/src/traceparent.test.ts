import { describe, expect, test } from 'vitest';
import { contextHeaders, createContext } from './index.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('W3C Trace Context level 1', () => {
  test.for([
    ['nothing', undefined],
    ['an empty header', ''],
    ['an all-zero trace id', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['an all-zero parent id', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['a short trace id', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['a long parent id', `00-${TRACE}-${SPAN}0-01`],
    ['flags of one digit', `00-${TRACE}-${SPAN}-1`],
    ['no flags', `00-${TRACE}-${SPAN}`],
    ['more than version 00 has', `00-${TRACE}-${SPAN}-01-more`],
    ['a later version with more that is not set apart', `01-${TRACE}-${SPAN}-01more`],
    ['two headers, joined', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
    ['two headers, as a list', [`00-${TRACE}-${SPAN}-01`]],
    ['a line break at the end', `00-${TRACE}-${SPAN}-01\n`],
  ])('%s begins a new trace, marked as not sampled, without the state of the old one', ([, sent]) => {
    const { traceparent, tracestate } = createContext({ traceparent: sent, tracestate: 'vendor=1' });
    expect(traceparent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-00$/);
    expect(traceparent).not.toContain(TRACE);
    expect(tracestate).toBeUndefined();
  });

  test.for([
    [`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01`],
    [`00-${TRACE}-${SPAN}-00`, `00-${TRACE}-${SPAN}-00`],
    // Flags that level 1 does not know are set to zero.
    [`00-${TRACE}-${SPAN}-ff`, `00-${TRACE}-${SPAN}-01`],
    [`00-${TRACE}-${SPAN}-02`, `00-${TRACE}-${SPAN}-00`],
    // Of a later version what level 1 knows is read, and passed on as version 00.
    [`cc-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01`],
    [`cc-${TRACE}-${SPAN}-01-what-will-be`, `00-${TRACE}-${SPAN}-01`],
  ])('%s goes on as %s', ([sent, kept]) => {
    expect(createContext({ traceparent: sent }).traceparent).toBe(kept);
  });

  test('a trace goes to the next service with its state and the correlation id', () => {
    const context = createContext({ correlationId: 'c-1', traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=1,b=2' });
    expect(contextHeaders(context)).toEqual({ 'x-correlation-id': 'c-1', traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=1,b=2' });
    expect(contextHeaders(undefined)).toEqual({});
  });

  test.for(['', 'a=1\r\nx: y', 'ä=1', 'a'.repeat(513)])('the state %j is not passed on', (tracestate) => {
    const context = createContext({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate });
    expect(contextHeaders(context)).not.toHaveProperty('tracestate');
    expect(context.traceparent).toBe(`00-${TRACE}-${SPAN}-01`);
  });
});
