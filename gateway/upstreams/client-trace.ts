/**
 * What a client does becomes part of a trace: of the one it brought with its connection, if it is an operator's, else
 * each act of one of its own, that links to the one in which the session opened; and that to the one it brought. None
 * of it is sent to clients.
 */
import type { Clock } from '../../lib/clock.ts';
import type { CallSettings } from '../../lib/grpc/client.ts';
import { ATTRIBUTES, SPANS } from '../../lib/telemetry/names.ts';
import { beginTrace, type Step } from '../../lib/telemetry/spans.ts';
import type { SessionKey } from './session-key.ts';

/** What presence is told of. */
export type ClientEvent = 'open' | 'choose' | 'activity' | 'close';

/** Something a client did, on its way to presence. */
export interface Received {
  /** Makes the call that tells presence of it; the first answer ends its span. */
  tell<Reply>(call: (settings: CallSettings) => Promise<Reply>): Promise<Reply>;
}

export interface ClientTraceOptions {
  readonly session: SessionKey;
  /** The client's traceparent, valid; '' for none. */
  readonly brought: string;
  /** A traceparent that is only linked to: its sender may not decide what is traced. Default: none. */
  readonly linked?: string;
  readonly clock: Clock;
}

export class ClientTrace {
  readonly #options: ClientTraceOptions;
  #opened = '';

  constructor(options: ClientTraceOptions) {
    this.#options = options;
  }

  /** @param atMs monotonic; now when absent. */
  receive(event: ClientEvent, atMs = this.#options.clock.monotonic()): Received {
    const { brought, clock } = this.#options;
    const link = brought === '' ? this.#linkOf(event) : '';
    const step = beginTrace(SPANS.receive, brought, { kind: 'SERVER', link });
    if (step.isRecording) this.#describe(step, event);
    // Without telemetry it still says, in logs and explanations, what belongs together.
    const traceparent = step.traceparent || unsampledTraceparent(clock);
    if (event === 'open') this.#opened = traceparent;
    return { tell: (call) => tell(call, step, () => settings(traceparent, clock, atMs)) };
  }

  #linkOf(event: ClientEvent): string {
    return event === 'open' ? (this.#options.linked ?? '') : this.#opened;
  }

  #describe(step: Step, event: ClientEvent): void {
    const { userId, sessionId } = this.#options.session;
    step.set({
      [ATTRIBUTES.event]: event,
      [ATTRIBUTES.user]: userId,
      [ATTRIBUTES.session]: sessionId,
    });
  }
}

async function tell<Reply>(
  call: (settings: CallSettings) => Promise<Reply>,
  step: Step,
  settingsNow: () => CallSettings,
): Promise<Reply> {
  try {
    const reply = await call(settingsNow());
    step.end();
    return reply;
  } catch (error) {
    step.fail(error);
    throw error;
  }
}

/** An age, because clocks differ. */
function settings(traceparent: string, clock: Clock, atMs: number): CallSettings {
  const ageMs = Math.max(0, Math.round(clock.monotonic() - atMs));
  return { traceparent, headers: { 'cause-age-ms': String(ageMs) } };
}

function unsampledTraceparent(clock: Clock): string {
  const hex = (): string => clock.uuid().replaceAll('-', '');
  return `00-${hex()}-${hex().slice(0, 16)}-00`;
}
