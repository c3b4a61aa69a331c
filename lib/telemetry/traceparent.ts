/** W3C trace context as it travels: in gRPC metadata, in the store, in Kafka's headers. */
import { TraceFlags, type SpanContext } from '@opentelemetry/api';

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

export function isTraceparent(text: string): boolean {
  return TRACEPARENT.test(text);
}

/** Of a valid traceparent, or ''. Nothing is parsed: it is asked for each message. */
export function isSampled(traceparent: string): boolean {
  // The flag is the last bit of a hex digit; 1, 3, …, 9 are odd codes, and so are a, c, e, which are even digits.
  const code = traceparent.charCodeAt(54);
  return code > 57 ? code % 2 === 0 : code % 2 === 1;
}

export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** Of a valid traceparent. */
export function parseTraceparent(traceparent: string): SpanContext {
  return {
    traceId: traceparent.slice(3, 35),
    spanId: traceparent.slice(36, 52),
    traceFlags: isSampled(traceparent) ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  };
}
