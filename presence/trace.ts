import type { CallContext } from '../lib/grpc/handlers.ts';

const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The caller's W3C trace context, to be kept with what it changes; '' when there is none or it is malformed. */
export function traceOf(context: CallContext): string {
  const [given] = context.metadata.get('traceparent');
  return typeof given === 'string' && TRACEPARENT.test(given) ? given : '';
}
