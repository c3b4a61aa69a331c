/** Where the trace of an outbox entry goes on: it was written by one process and is taken in hand by another. */
import { ATTRIBUTES, SPANS } from '../lib/telemetry/names.ts';
import { beginStep, beginTrace, type StepOptions } from '../lib/telemetry/spans.ts';
import type { OutboxEntry } from '../store/presence-store.ts';

/**
 * Tells of the wait in the outbox, which is over now.
 * @returns the traceparent of what comes next.
 */
export function endWait(entry: OutboxEntry, nowMs: number): string {
  const options = { startMs: Math.min(entry.settledAtMs, nowMs) };
  const wait = isDeath(entry)
    ? beginOwnTrace(entry, options)
    : beginStep(SPANS.outbox, entry.trace, options);
  if (wait.isRecording) wait.set(describe(entry));
  wait.end();
  return wait.traceparent || entry.trace;
}

/** Hours may lie between what opened a session and its death: a trace of its own, that links to that one. */
function beginOwnTrace(entry: OutboxEntry, options: StepOptions) {
  return beginTrace(SPANS.outbox, '', { ...options, link: entry.trace });
}

export function isDeath({ cause }: OutboxEntry): boolean {
  return cause === 'EXPIRED' || cause === 'CLOSED';
}

function describe(entry: OutboxEntry) {
  const { settled, cause, settledAtMs, causedAtMs } = entry;
  return {
    [ATTRIBUTES.user]: settled.userId,
    [ATTRIBUTES.status]: settled.status,
    [ATTRIBUTES.version]: settled.version,
    [ATTRIBUTES.cause]: cause,
    ...(isDeath(entry) ? { [ATTRIBUTES.lateness]: settledAtMs - causedAtMs } : {}),
  };
}
