import { brokerConformance } from './conformance.ts';
import { brokerOutages } from './outages.ts';
import { createTestBus } from './test-bus.ts';

brokerConformance('the test bus', () => createTestBus({ seed: 1 }));
brokerOutages('the test bus, away', () => createTestBus({ seed: 1 }));
