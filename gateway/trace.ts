/** W3C trace context of a connection: taken from the upgrade request, or begun here. Never sent to clients. */
import type { Clock } from '../lib/clock.ts';

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The header if it is a valid traceparent, else a new one. */
export function traceparentOf(header: string, clock: Clock): string {
  return TRACEPARENT.test(header) ? header : newTraceparent(clock);
}

function newTraceparent(clock: Clock): string {
  const hex = (): string => clock.uuid().replaceAll('-', '');
  return `00-${hex()}-${hex().slice(0, 16)}-01`;
}
