import { createDatabase } from '@stoa/postgres';
import { createLog, createMetrics, type Environment, loadConfig, systemClock } from '@stoa/service';
import { databaseUrl } from '../databases.ts';
import { assertMigrated, prepareDatabase } from '../migrations.ts';
import { withRuntime } from '../runtime.ts';
import { loadServices } from '../services.ts';
import { readSettings, withPublicUrl } from '../settings.ts';
import { StartProblem } from '../start-problem.ts';

const MOST = 10_000_000;

/** Fills the system with made-up data, to test it at scale. */
export async function seed(environment: Environment, options: Readonly<Record<string, unknown>>): Promise<void> {
  const seedable = (await loadServices()).filter(({ seed }) => seed !== undefined);
  const wanted = Object.keys(options);
  const chosen = seedable.filter(({ name }) => wanted.includes(name));
  const usage = `stoa seed ${seedable.map(({ name }) => `[--${name} N]`).join(' ')}`;
  if (chosen.length === 0 || chosen.length < wanted.length) throw new StartProblem('Say what to add, and how much of it.', usage, 64);
  const counts = new Map(chosen.map(({ name }) => [name, countOf(name, options[name], usage)]));
  const settings = readSettings(environment, []);
  const { config, resolved, embedded } = settings;
  const log = createLog({ level: 'warn' });
  await withRuntime(settings, log, async (databases) => {
    for (const definition of chosen) {
      const { name } = definition;
      const count = counts.get(name) as number;
      await (embedded ? prepareDatabase : assertMigrated)(definition, databases, log);
      const url = databaseUrl(name, databases);
      const database = createDatabase({ url, name, log, metrics: createMetrics(), maxConnections: 2 });
      const deps = {
        config: loadConfig(definition.config, withPublicUrl(resolved, config.PORT)) as never,
        database: database as never,
        log,
        clock: systemClock,
        derive: databases.derive,
      };
      const begun = performance.now();
      try {
        const words = await definition.seed?.(deps, { count, onProgress: (done) => showProgress(name, done, count) });
        console.log(`${count} ${name} in ${((performance.now() - begun) / 1_000).toFixed(1)} s. ${words}`);
      } finally {
        await database.close();
      }
    }
  });
}

function countOf(name: string, text: unknown, usage: string): number {
  const count = typeof text === 'string' && /^[1-9]\d{0,7}$/.test(text) ? Number(text) : 0;
  if (count === 0 || count > MOST) throw new StartProblem(`How many ${name}, from 1 to ${MOST}?`, usage, 64);
  return count;
}

function showProgress(name: string, done: number, count: number): void {
  const text = `${done} of ${count} ${name}`;
  if (process.stderr.isTTY) process.stderr.write(`\r${text}${done === count ? '\n' : ''}`);
  else if (done === count || done % 200_000 === 0) console.error(text);
}
