import type { Broker } from './broker.ts';
import { createLocalBroker } from './local-broker.ts';
import { brokerConformance } from './testing/conformance.ts';
import { silent } from './testing/copies.ts';

brokerConformance('the local broker', () => {
  let broker: Broker | undefined;
  return {
    async connect() {
      if (!broker || !(await broker.health()).ok) broker = createLocalBroker({ log: silent });
      return broker;
    },
  };
});
