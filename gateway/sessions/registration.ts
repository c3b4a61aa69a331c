/** How the store gets to know a session: it is asked for, and what nobody answered may still be done. */
import { status as rpcStatus } from '@grpc/grpc-js';
import type {
  RegisterSessionRequest,
  RegisterSessionResponse,
} from '../../gen/registry/v1/registry_service.ts';
import type { Clock } from '../../lib/clock.ts';
import { RpcError } from '../../lib/errors.ts';
import type { Received } from '../upstreams/client-trace.ts';
import type { Lease } from '../heartbeats/lease.ts';
import type { StatusChanges } from './status-changes.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';

export interface RegistrationOptions {
  readonly lease: Lease;
  readonly gatewayId: string;
  readonly device: string;
  readonly changes: StatusChanges;
  readonly upstreams: Upstreams;
  readonly clock: Clock;
}

export interface Registered {
  readonly reply: RegisterSessionResponse;
  /** What was told as the last sign of life, by the monotonic clock. */
  readonly beatAtMs: number;
}

/** For how long a registration that nobody answered may still be done. */
const MAX_LATE_MS = 15_000;

export class Registration {
  readonly #options: RegistrationOptions;
  #missingSinceMs: number | undefined;
  #settled: Promise<unknown> = Promise.resolve();
  /** When it was given up last that somebody answers. It may be done all the same. */
  #unansweredAtMs = -Infinity;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** Since when the store may not know the session, though it should, by the monotonic clock. */
  get missingSinceMs(): number | undefined {
    return this.#missingSinceMs;
  }

  /** Settles when none is under way. */
  get settled(): Promise<unknown> {
    return this.#settled;
  }

  /** The session should be there, and may not be. */
  miss(): void {
    this.#missingSinceMs ??= this.#options.clock.monotonic();
  }

  /** It need not be there. */
  waive(): void {
    this.#missingSinceMs = undefined;
  }

  mayComeLate(): boolean {
    return this.#options.clock.monotonic() - this.#unansweredAtMs < MAX_LATE_MS;
  }

  /** @param signOfLifeAtMs asked when its turn comes, with the time; what it throws is thrown. */
  async ask(signOfLifeAtMs: (nowMs: number) => number, received: Received): Promise<Registered> {
    const { upstreams, changes, clock } = this.#options;
    let askedAtMs = 0;
    let beatAtMs = 0;
    const reply = upstreams.register(() => {
      askedAtMs = Math.trunc(clock.monotonic());
      beatAtMs = signOfLifeAtMs(askedAtMs);
      return this.#request(beatAtMs, askedAtMs);
    }, received);
    this.#settled = reply.catch((error: unknown) => {
      if (isUnanswered(error)) this.#unansweredAtMs = clock.monotonic();
    });
    const registered = { reply: await reply, beatAtMs };
    this.#missingSinceMs = undefined;
    changes.registered(registered.reply.chosen, askedAtMs);
    return registered;
  }

  #request(beatAtMs: number, nowMs: number): RegisterSessionRequest {
    const { lease, gatewayId, device, changes } = this.#options;
    return {
      userId: lease.userId,
      sessionId: lease.sessionId,
      gatewayId,
      device,
      activity: lease.activity,
      epoch: lease.epoch,
      beatAgeMs: nowMs - beatAtMs,
      choice: changes.choice(nowMs),
    };
  }
}

function isUnanswered(error: unknown): boolean {
  if (!(error instanceof RpcError)) return false;
  return error.code === rpcStatus.DEADLINE_EXCEEDED || error.code === rpcStatus.UNAVAILABLE;
}
