export { type Boxes, createService, type Parts } from './create-service.ts';
export { createServiceHttp } from './create-service-http.ts';
export type { ServiceDeps } from './service-deps.ts';
