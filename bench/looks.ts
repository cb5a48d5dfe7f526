import pg from 'pg';
import { median } from './workload.ts';

interface Sent {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** What a poll costs, by the plan of a statement that was really sent. */
export interface Cost {
  readonly pages: number;
  readonly microseconds: number;
}

/** How many of each text are kept: one poll in many reads from the beginning, as a safety net, and is not what a poll costs. */
const KEPT = 5;

/**
 * Keeps the last statements of each text that reads `table`, of all that this process sends. Relay and worker poll by such statements,
 * which are explained as they were sent: no copy of them here can become different.
 */
export function listenToLooks(table: 'inbox' | 'outbox') {
  const looks = new Map<string, Sent[]>();
  const query = pg.Client.prototype.query as (...parameters: unknown[]) => unknown;
  pg.Client.prototype.query = function (this: pg.Client, ...parameters: unknown[]) {
    const [statement] = parameters as [{ text?: string; values?: unknown[] } | undefined];
    const { text = '', values = [] } = statement ?? {};
    const isLook = /^\s*(with|select)\b/i.test(text) && new RegExp(`\\bfrom ${table}\\b`).test(text);
    if (isLook && !/\b(insert into|update|delete from) /i.test(text.replaceAll('for update', '')))
      looks.set(text, [...(looks.get(text) ?? []), { text, values }].slice(-KEPT));
    return query.apply(this, parameters);
  } as typeof pg.Client.prototype.query;

  return {
    /** The next measurement covers what is sent from now on. */
    forget: () => looks.clear(),
    /** The most expensive kind of poll so far, by the median of its last ones; rows that it would take stay where they are. */
    async measure(url: string): Promise<Cost> {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        let [pages, microseconds] = [0, 0];
        for (const sent of [...looks.values()]) {
          const costs: Cost[] = [];
          for (const statement of sent) costs.push(await explain(client, statement));
          pages = Math.max(pages, median(costs.map((cost) => cost.pages)));
          microseconds = Math.max(microseconds, median(costs.map((cost) => cost.microseconds)));
        }
        return { pages, microseconds };
      } finally {
        await client.end();
      }
    },
  };
}

async function explain(client: pg.Client, { text, values }: Sent): Promise<Cost> {
  await client.query('begin');
  const { rows } = await client.query({ text: `explain (analyze, buffers, format json) ${text}`, values: [...values] });
  await client.query('rollback');
  const [{ Plan: plan, 'Execution Time': milliseconds }] = rows[0]['QUERY PLAN'];
  return { pages: (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0), microseconds: milliseconds * 1_000 };
}
