import { systemClock } from '../../../lib/clock.ts';
import { createMemoryBus } from '../../../lib/kafka/memory-bus.ts';
import { describeBus } from '../../conformance/bus.ts';

describeBus('in process', () => {
  const bus = createMemoryBus({ clock: systemClock });
  return Promise.resolve([bus, bus]);
});
