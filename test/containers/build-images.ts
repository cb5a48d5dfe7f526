import { STOA_VERSION } from './container-stoa.ts';
import { runCompose } from './engine.ts';

/** Vitest calls it before the first test of the run: the images are those of the code that is tested. */
export async function setup(): Promise<void> {
  const secrets = Object.fromEntries(
    ['STOA_SECRET', 'POSTGRES_PASSWORD', 'RABBITMQ_PASSWORD', 'REDIS_PASSWORD'].map((name) => [name, 'not used']),
  );
  await runCompose('stoa-e2e', ['build'], { ...secrets, STOA_VERSION });
}
