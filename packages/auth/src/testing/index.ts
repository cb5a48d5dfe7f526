export { type TestIdentity, testIdentity } from './test-identity.ts';
