export { type ActivationRequested, activationRequested } from './activation-requested.ts';
export { asyncApi, type DescribedEvent, events } from './asyncapi.ts';
export { routes } from './routes.ts';
