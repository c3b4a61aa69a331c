/** Delivers one outbox entry: the transition to internal services, and to each gateway what its users are to see. */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../lib/clock.ts';
import { RpcError } from '../lib/errors.ts';
import { retry } from '../lib/retry.ts';
import { ATTRIBUTES, SPANS } from '../lib/telemetry/names.ts';
import { beginStep, type Step } from '../lib/telemetry/spans.ts';
import { recipientsOf, type FanoutEvents } from './events.ts';
import type { InHand } from './in-hand.ts';
import { createLimiter } from '../lib/limiter.ts';
import type { Planner } from './planner.ts';
import type { Publisher } from './publisher.ts';
import type { GatewayParcel } from './routes.ts';
import type { Upstream } from './upstream.ts';

/**
 * Resolves when everything the entry takes is acknowledged or needless; rejects when the worker stops. Messages of a
 * subject go out in the order of the calls, those of different subjects side by side.
 */
export type Dispatch = (item: InHand, previous: InHand | undefined) => Promise<void>;

export interface DispatcherOptions {
  readonly planner: Planner;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly events: FanoutEvents;
  readonly graph: Upstream;
  readonly redis: Upstream;
  readonly signal: AbortSignal;
}

const BACKOFF = { baseMs: 20, maxMs: 200 };
/** Audiences asked for at once: enough to keep graph busy, few enough that each is answered in time. */
const MAX_PLANNING = 64;

export function createDispatcher(options: DispatcherOptions): Dispatch {
  const { publisher, clock, signal, events } = options;
  const inTurn = createLimiter(MAX_PLANNING);

  const plan = async (item: InHand, trace: string): Promise<readonly GatewayParcel[]> => {
    if (item.superseded || item.abandoned) return [];
    const parcels = await options.planner(item.entry, trace);
    options.graph.worked();
    options.redis.worked(ROUTES);
    return parcels;
  };
  const planUntilDone = (item: InHand, trace: string): Promise<readonly GatewayParcel[]> => {
    const onFailure = (error: unknown, attempt: number): void =>
      noteFailure(error, attempt, item, options);
    return retry(() => plan(item, trace), { clock, signal, backoff: BACKOFF, onFailure });
  };
  const sendToGateways = async (item: InHand, step: Step): Promise<Promise<void>[]> => {
    const parcels = await planUntilDone(item, step.traceparent);
    if (item.superseded) events.superseded();
    else events.planned(item.entry, clock.monotonic() - item.takenAtMs, parcels);
    if (step.isRecording) step.set(describe(parcels));
    step.end();
    const isWanted = (): boolean => !item.superseded && !item.abandoned;
    return parcels.map((parcel) =>
      publisher.deliver(item.entry, parcel, step.traceparent, isWanted),
    );
  };
  const after = async (previous: InHand | undefined): Promise<void> => {
    await previous?.planned.catch(() => undefined);
  };
  return async (item, previous) => {
    const transition = isTransition(item)
      ? publisher.transition(item.entry, item.trace, () => !item.abandoned)
      : undefined;
    const step = beginStep(SPANS.audience, item.trace);
    const sending = after(previous).then(() => inTurn(() => sendToGateways(item, step)));
    item.planned = sending;
    await Promise.all([transition, ...(await sending)]);
  };
}

function describe(parcels: readonly GatewayParcel[]) {
  return {
    [ATTRIBUTES.messages]: parcels.length,
    [ATTRIBUTES.recipients]: recipientsOf(parcels),
  };
}

/** An announcement changes nobody's status: it is not for those who follow transitions. */
function isTransition({ entry }: InHand): boolean {
  return entry.cause !== 'ANNOUNCED';
}

const ROUTES = 'routes';

/** Whoever does not answer is an upstream's trouble; any other answer is this entry's, and told once. */
function noteFailure(
  error: unknown,
  attempt: number,
  item: InHand,
  { graph, redis, events }: DispatcherOptions,
): void {
  if (!(error instanceof RpcError)) redis.failed(error, ROUTES);
  else if (isUnanswered(error)) graph.failed(error);
  else if (attempt === 0) events.audienceRefused(item.entry, error);
}

function isUnanswered({ code }: RpcError): boolean {
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED;
}
