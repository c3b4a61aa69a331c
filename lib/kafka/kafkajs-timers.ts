/**
 * Mends kafkajs 2.2.4, whose every connection wakes the process each millisecond for ever: after an answer it asks to
 * be called when throttling ends, which without throttling is in the past, and each such call asks for the next one.
 * That cost 2 to 3 % of a core a connection. Nothing has to be checked while nothing is pending.
 */
import { createRequire } from 'node:module';

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

const require = createRequire(import.meta.url);
let isMended = false;

/** Idempotent. To be called before the first connection. */
export function mendTimers(): void {
  if (isMended) return;
  isMended = true;
  const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  const schedule = Object.getOwnPropertyDescriptor(prototype, 'scheduleCheckPendingRequests');
  prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) (schedule?.value as () => void).call(this);
  };
}
