import { enableCompileCache } from 'node:module';
import { availableParallelism } from 'node:os';

/**
 * The only entry. Hashing works on libuv's pool, so the pool is made as large as the cores need, before anything uses it;
 * the compile cache halves the time to ready of every start but the first.
 */
process.env['UV_THREADPOOL_SIZE'] ??= String(availableParallelism() + 4);
enableCompileCache();

const { runCli } = await import('./cli.ts');
await runCli(process.argv.slice(2));
