/** Changes on their way to the store, with what they come of: kept with what they change, and with its outbox entry. */
import type { CallContext } from '../lib/grpc/handlers.ts';
import { ATTRIBUTES, SPANS } from '../lib/telemetry/names.ts';
import {
  beginStep,
  beginTrace,
  during,
  traceparentFrom,
  type Step,
} from '../lib/telemetry/spans.ts';
import type { Change, ChangeReply, PresenceStore } from '../store/presence-store.ts';

/** What a change comes of. */
export interface Origin {
  readonly trace: string;
  readonly causeAgeMs: number;
}

/** ms from a gateway's hearing of it to its call. */
const CAUSE_AGE = 'cause-age-ms';
const DIGITS = /^\d{1,9}$/;

/** @param toChange may throw what is wrong with the request. */
export async function settle(
  store: PresenceStore,
  { metadata }: CallContext,
  toChange: (origin: Origin) => Change,
): Promise<ChangeReply> {
  const step = beginSettle(traceparentFrom(metadata.get('traceparent')[0]));
  const [age] = metadata.get(CAUSE_AGE);
  const causeAgeMs = typeof age === 'string' && DIGITS.test(age) ? Number(age) : 0;
  return during(step, async () => {
    const change = toChange({ trace: step.traceparent, causeAgeMs });
    const reply = await store.change(change);
    if (step.isRecording) describe(step, change, reply);
    return reply;
  });
}

/** Who calls without a trace, begins one here. */
function beginSettle(parent: string): Step {
  const begin = parent === '' ? beginTrace : beginStep;
  return begin(SPANS.settle, parent, { kind: 'SERVER' });
}

function describe(step: Step, change: Change, { settled }: ChangeReply): void {
  step.set({
    [ATTRIBUTES.event]: change.kind,
    [ATTRIBUTES.user]: change.userId,
    ...('sessionId' in change ? { [ATTRIBUTES.session]: change.sessionId } : {}),
    [ATTRIBUTES.status]: settled.status,
    [ATTRIBUTES.version]: settled.version,
  });
}
