import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { dataFolder, type StoaProcess, startStoa } from '../e2e/stoa-process.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where `sharedStoa` asks. */
    readonly stoaForClients: string;
  }
}

/** Files run side by side, and all of them have one client IP. At this log level, secrets that get into the log are found. */
const SETTINGS = { RATE_LIMITS: 'off', MAIL_RATE_PER_SECOND: '100', LOG_LEVEL: 'debug' };

/** Vitest's global set-up of the end-to-end tests: one Stoa for all files that ask for it, started for the first of them. */
export async function setup(project: TestProject) {
  const topology = project.config.env?.['STOA_TEST_TOPOLOGY'];
  const folder = await dataFolder(topology);
  let started: Promise<StoaProcess> | undefined;
  const server = createServer(async ({ url }, response) => {
    try {
      started ??= startStoa({ dataDirectory: folder.path, env: SETTINGS }, topology);
      const stoa = await started;
      response.end(url === '/output' ? stoa.output() : JSON.stringify({ url: stoa.url, dataDirectory: folder.path }));
    } catch (error) {
      response.writeHead(500).end((error as Error).message);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  project.provide('stoaForClients', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);

  return async () => {
    server.close();
    server.closeAllConnections();
    const code = await started?.then(
      (stoa) => stoa.stop(),
      () => 0, // The files that asked have failed.
    );
    await folder[Symbol.asyncDispose]();
    if (code !== undefined && code !== 0) throw new Error(`the Stoa for clients ended with ${code}`);
  };
}
