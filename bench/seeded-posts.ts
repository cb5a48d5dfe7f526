import { migrationSourcesOf } from '@stoa/kit';
import { createDatabase, ensureDatabase, migrate } from '@stoa/postgres';
import { posts } from '@stoa/posts';
import { createLog, createMetrics, systemClock } from '@stoa/service';

export interface SeededPosts {
  readonly count: number;
  readonly url: string;
  /** A word that stands in the post of this number alone; 0 is the oldest. */
  wordOf(post: number): string;
}

/** A database of so many posts, as `stoa seed` makes them. A million take minutes. */
export async function seededPosts(adminUrl: string, count: number): Promise<SeededPosts> {
  const log = createLog({ level: 'warn' });
  const url = await ensureDatabase({ adminUrl, database: `posts_${count}`, role: 'posts', password: 'bench' });
  await migrate({ url, sources: migrationSourcesOf(posts), log });
  const database = createDatabase<never>({ url, name: 'posts', log, metrics: createMetrics(), maxConnections: 2 });
  try {
    const told = await posts.seed?.({ database, clock: systemClock } as never, { count, onProgress: () => {} });
    const newest = /q=(\S+)/.exec(told ?? '')?.[1] as string;
    const run = newest.slice(0, -String(count - 1).length);
    return { count, url, wordOf: (post) => `${run}${post}` };
  } finally {
    await database.close();
  }
}
