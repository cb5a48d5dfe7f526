export type { BusUnderTest, FragileBus } from './bus-under-test.ts';
export { brokerConformance } from './conformance.ts';
export { drained } from './drained.ts';
export { brokerOutages } from './outages.ts';
export { type RabbitServer, startRabbitServer } from './rabbitmq-server.ts';
export { createTestBroker, createTestBus, type TestBus, type TestBusOptions } from './test-bus.ts';
