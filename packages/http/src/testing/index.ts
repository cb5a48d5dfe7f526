export { idempotencyStoreContract } from '../idempotency-store-contract.ts';
export { type LimitersUnderTest, rateLimiterContract } from '../rate-limiter-contract.ts';
export { createAnswerCheck, declaredCodes, type SeenAnswer } from './declared-answers.ts';
export { type HostileRequest, hostileRequests, type Target } from './hostile-requests.ts';
export { type RawAnswer, sendRaw } from './send-raw.ts';
export { thingsHttp } from './things.ts';
export { askInBothCases, sendHostileBodies } from './walk.ts';
