import { brokerConformance } from './conformance.ts';
import { createTestBus } from './test-bus.ts';

brokerConformance('the test bus', () => createTestBus({ seed: 1 }), { outages: true });
