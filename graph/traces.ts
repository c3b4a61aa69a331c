/** What graph does, as steps of its callers' traces. */
import type { GetAudienceRequest, GetAudienceResponse } from '../gen/graph/v1/graph_service.ts';
import type { CallContext } from '../lib/grpc/handlers.ts';
import { ATTRIBUTES, SPANS } from '../lib/telemetry/names.ts';
import { beginStep, beginTrace, during, traceparentFrom } from '../lib/telemetry/spans.ts';
import type { EdgeChange } from './edges.ts';

const callersOf = ({ metadata }: CallContext): string =>
  traceparentFrom(metadata.get('traceparent')[0]);

/**
 * A change of an edge; who calls without a trace, begins one here.
 * @param task is given the traceparent of what comes of the change, or undefined.
 */
export function traceChange<T>(
  { kind, from, to }: EdgeChange,
  context: CallContext,
  task: (traceparent: string | undefined) => Promise<T>,
): Promise<T> {
  const parent = callersOf(context);
  const begin = parent === '' ? beginTrace : beginStep;
  const step = begin(SPANS.edge, parent, { kind: 'SERVER' });
  if (step.isRecording) {
    step.set({
      ...{ [ATTRIBUTES.event]: kind.toLowerCase() },
      ...{ [ATTRIBUTES.user]: from, [ATTRIBUTES.peer]: to },
    });
  }
  return during(step, () => task(step.traceparent || undefined));
}

/** Asked for every change of every user: nothing more than the answer unless somebody records it. */
export function traceAudience(
  { subjectUserId }: GetAudienceRequest,
  context: CallContext,
  find: () => Promise<GetAudienceResponse>,
): Promise<GetAudienceResponse> {
  const step = beginStep(SPANS.who, callersOf(context), { kind: 'SERVER' });
  if (!step.isRecording) return find();
  step.set({ [ATTRIBUTES.user]: subjectUserId });
  return during(step, async () => {
    const audience = await find();
    step.set({ [ATTRIBUTES.recipients]: sizeOf(audience) });
    return audience;
  });
}

const sizeOf = ({ groups, hidden, removedUserIds }: GetAudienceResponse): number =>
  groups.reduce((sum, { userIds }) => sum + userIds.length, 0) +
  hidden.length +
  removedUserIds.length;
