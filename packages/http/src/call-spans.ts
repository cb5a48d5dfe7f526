import { inSpan, type RequestContext, type Span, type SpanStart, startSpan } from '@stoa/service';
import { knownMethod } from './request-spans.ts';

/**
 * Makes a call to another service a CLIENT span. It is named after the service: paths hold ids, and `url.full`, which the conventions
 * ask for, would too.
 */
export function inCallSpan<Answer extends { readonly status: number }>(
  service: string,
  method: string,
  call: () => Promise<Answer>,
): Promise<Answer> {
  return inSpan(
    () => describeCall(service, method),
    async (span) => {
      const answer = await call();
      if (span !== undefined) recordAnswer(span, answer.status);
      return answer;
    },
  );
}

/** The span of a request that is passed on to `service`, to be ended by the caller. */
export const startCallSpan = (context: RequestContext, service: string, method: string): Span | undefined =>
  startSpan(context, () => describeCall(service, method));

/** Records the answer. For the caller a 4xx is a failure, too. */
export function recordAnswer(span: Span, status: number): void {
  span.set({ 'http.response.status_code': status });
  if (status >= 400) span.fail(String(status));
}

const describeCall = (service: string, method: string): SpanStart => ({
  kind: 'client',
  name: `${knownMethod(method) ?? 'HTTP'} ${service}`,
  attributes: { 'http.request.method': knownMethod(method) ?? '_OTHER', 'server.address': service, 'service.peer.name': service },
});
