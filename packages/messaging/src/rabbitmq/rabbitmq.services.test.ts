import { brokerConformance } from '../testing/conformance.ts';
import { openRabbitBus } from '../testing/rabbit-bus.ts';

brokerConformance('RabbitMQ', () => openRabbitBus());
