export { failOver, type RedisServer, startRedisServer } from './redis-server.ts';
