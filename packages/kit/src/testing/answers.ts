/** How often each status, or status and code of a problem, was answered. */
export function tally(answers: readonly { readonly statusCode: number; readonly body: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { statusCode, body } of answers) {
    const outcome = statusCode < 400 ? `${statusCode}` : `${statusCode} ${JSON.parse(body).code}`;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

/** `count` pieces of work at the same time. */
export const times = <T>(count: number, work: (index: number) => T): Promise<Awaited<T>[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));
