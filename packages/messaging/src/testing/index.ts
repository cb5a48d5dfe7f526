export { type BusUnderTest, brokerConformance } from './conformance.ts';
export { drained } from './drained.ts';
export { type RabbitServer, startRabbitServer } from './rabbitmq-server.ts';
export { createTestBroker, createTestBus, type TestBus, type TestBusOptions } from './test-bus.ts';
