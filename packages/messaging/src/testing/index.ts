export { drained } from './drained.ts';
