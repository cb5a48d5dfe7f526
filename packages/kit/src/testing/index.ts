export { tally, times } from './answers.ts';
export { messageOf } from './message-of.ts';
export type { RequestOptions, TestCaller } from './requests.ts';
export {
  type Copy,
  type CopyOptions,
  openTestService,
  startTestService,
  type TestService,
  type TestServiceOptions,
} from './test-service.ts';
