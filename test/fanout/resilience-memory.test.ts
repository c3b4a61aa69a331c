import { describeResilience } from './resilience.ts';

describeResilience('the in-process store and bus', () => Promise.resolve({}));
