import { CompiledQuery, type Kysely, type KyselyPlugin, type Transaction } from 'kysely';
import { createStatementNames } from '../statement-names.ts';

/** A step of a plan, as `explain (format json)` names it. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

/**
 * Runs `work`, and explains what it sent: for the values it sent, and, of a statement that would be prepared, for any.
 * @returns all steps of all plans.
 */
export async function plansOf<Schema>(
  db: Kysely<Schema>,
  work: (db: Transaction<Schema>) => Promise<unknown>,
): Promise<readonly PlanNode[]> {
  const nodes: PlanNode[] = [];
  const explain = async (how: string, text: string, values: readonly unknown[] = []) => {
    const { rows } = await db.executeQuery<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      CompiledQuery.raw(`explain (format json${how}) ${text}`, [...values]),
    );
    nodes.push(...nodesOf((rows[0] as (typeof rows)[number])['QUERY PLAN'][0].Plan));
  };
  const names = createStatementNames();
  for (const { sql: text, parameters } of await sentBy(db, work)) {
    await explain('', text, parameters);
    const isPrepared = [1, 2, 3].map(() => names(text)).at(-1) !== undefined;
    if (isPrepared) await explain(', generic_plan', text);
  }
  return nodes;
}

const nodesOf = (plan: PlanNode): readonly PlanNode[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

async function sentBy<Schema>(db: Kysely<Schema>, work: (db: Transaction<Schema>) => Promise<unknown>): Promise<readonly CompiledQuery[]> {
  const noted = noteStatements(db);
  return await noted.sentBy(() => work(noted.db as Transaction<Schema>));
}

/** A database that notes what it is sent. */
export function noteStatements<Schema>(db: Kysely<Schema>) {
  let sent: CompiledQuery[] = [];
  const spy: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      sent.push(db.getExecutor().compileQuery(node, queryId));
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  const sentBy = async (work: () => Promise<unknown>): Promise<readonly CompiledQuery[]> => {
    sent = [];
    await work();
    return sent;
  };
  return {
    db: db.withPlugin(spy),
    /** What `work` sends by `db`. */
    sentBy,
    /** The pages that the statements of `work` touch, each of which is run once more. */
    async pagesOf(work: () => Promise<unknown>): Promise<number> {
      let pages = 0;
      for (const { sql: text, parameters } of await sentBy(work)) {
        const { rows } = await db.executeQuery<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
          CompiledQuery.raw(`explain (analyze, buffers, format json) ${text}`, [...parameters]),
        );
        const plan = rows[0]?.['QUERY PLAN'][0].Plan ?? {};
        pages += (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
      }
      return pages;
    },
  };
}
