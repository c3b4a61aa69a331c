/** Instruments as declared in names.ts. Without an SDK they do nothing, and cost a call. */
import { metrics, type Attributes } from '@opentelemetry/api';
import type { AttributeName, Metric } from './names.ts';

const SCOPE = 'presence-mesh';

/** Exactly the attributes that the metric declares. */
type Of<A extends AttributeName> = Readonly<Record<A, string>>;

export type Record_<A extends AttributeName> = (value: number, attributes: Of<A>) => void;

const described = ({ unit, description }: Metric) => ({ unit, description });

export function counter<A extends AttributeName>(metric: Metric<A>): Record_<A> {
  const instrument = metrics.getMeter(SCOPE).createCounter(metric.name, described(metric));
  return (value, attributes) => instrument.add(value, attributes);
}

export function histogram<A extends AttributeName>(metric: Metric<A>): Record_<A> {
  const instrument = metrics.getMeter(SCOPE).createHistogram(metric.name, {
    ...described(metric),
    ...(metric.bounds ? { advice: { explicitBucketBoundaries: [...metric.bounds] } } : {}),
  });
  return (value, attributes) => instrument.record(value, attributes);
}

/** Asks `observe` at each collection, until it is disposed. */
export function gauge(metric: Metric<never>, observe: () => number): Disposable {
  const meter = metrics.getMeter(SCOPE);
  const instrument = meter.createObservableGauge(metric.name, described(metric));
  const callback = (result: { observe(value: number, attributes?: Attributes): void }): void =>
    result.observe(observe());
  instrument.addCallback(callback);
  return { [Symbol.dispose]: () => instrument.removeCallback(callback) };
}
