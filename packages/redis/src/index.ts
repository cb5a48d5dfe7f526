export { type ConnectRedisOptions, connectRedis, type RedisConnection } from './connection.ts';
export { createRedisRateLimiter, type RedisRateLimiterOptions } from './redis-rate-limiter.ts';
