import { inSpan } from '@stoa/service';

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
    () => ({
      kind: 'client',
      name: `${method} ${service}`,
      attributes: { 'http.request.method': method, 'server.address': service, 'service.peer.name': service },
    }),
    async (span) => {
      const answer = await call();
      span?.set({ 'http.response.status_code': answer.status });
      if (answer.status >= 400) span?.fail(String(answer.status));
      return answer;
    },
  );
}
