export { type AccountLinkRequested, accountLinkRequested } from './account-link-requested.ts';
export { type AccountNoticeRequested, accountNoticeRequested } from './account-notice-requested.ts';
export { type ActivationRequested, activationRequested } from './activation-requested.ts';
export { asyncApi, type DescribedEvent, events } from './asyncapi.ts';
export { PERMISSIONS, type Permission } from './permissions.ts';
export { routes } from './routes.ts';
export { type UserDeleted, userDeleted } from './user-deleted.ts';
