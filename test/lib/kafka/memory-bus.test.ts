import { systemClock } from '../../../lib/clock.ts';
import { createMemoryBus } from '../../../lib/kafka/memory-bus.ts';
import { describeBus } from '../../conformance/bus.ts';

describeBus('in process', () => Promise.resolve(createMemoryBus({ clock: systemClock })));
