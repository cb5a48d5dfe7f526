import { createLog, createMetrics, type ErrorCatalogue } from '@stoa/service';
import { createHttp, type Http } from '../create-http.ts';

/** An instance with nothing on it yet. */
export const thingsHttp = (errors: ErrorCatalogue = {}): Promise<Http> =>
  createHttp({
    name: 'things',
    title: '',
    description: '',
    version: '1',
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
    errors,
    health: async () => [],
  });
