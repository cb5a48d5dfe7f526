export { type ActivationRequested, activationRequested } from './activation-requested.ts';
export { routes } from './routes.ts';
