/** What a session told presence of its user's status, and what has to be told again when it is registered anew. */
import { status as rpcStatus } from '@grpc/grpc-js';
import type { Status } from '../gen/presence/v1/presence.ts';
import type { Activity } from '../gen/presence/v1/presence_service.ts';
import type { Choice } from '../gen/registry/v1/registry_service.ts';
import type { Clock } from '../lib/clock.ts';
import { RpcError } from '../lib/errors.ts';
import type { ClientTrace, Received } from './client-trace.ts';
import type { Lease } from './lease.ts';
import type { Upstreams } from './upstreams.ts';

export interface StatusChangesOptions {
  readonly lease: Lease;
  readonly trace: ClientTrace;
  readonly upstreams: Upstreams;
  readonly clock: Clock;
  /** Settles when no registration is under way: a session must be there before it can be active or idle. */
  readonly whenRegistered: () => Promise<unknown>;
  /** Presence has no such session, alive. */
  readonly onSessionMissing: () => void;
  /** A choice was not taken; nothing has changed. */
  readonly onRefused: (error: unknown) => void;
}

/** Changes go out one after the other, in the order the client made them. */
export class StatusChanges {
  readonly #options: StatusChangesOptions;
  #choice: { readonly status: Status; readonly atMs: number } | undefined;
  #queue: Promise<void> = Promise.resolve();

  constructor(options: StatusChangesOptions) {
    this.#options = options;
  }

  /** The last choice made here, with its age. */
  choice(nowMs: number): Choice | undefined {
    if (!this.#choice) return undefined;
    return { status: this.#choice.status, ageMs: Math.round(nowMs - this.#choice.atMs) };
  }

  choose(status: Status): void {
    const { lease, upstreams, trace, clock, onRefused } = this.#options;
    const atMs = clock.monotonic();
    const received = trace.receive('choose', atMs);
    this.#enqueue(async () => {
      await upstreams.choose(lease.userId, status, received);
      this.#choice = { status, atMs };
    }, onRefused);
  }

  setActivity(activity: Activity): void {
    this.#options.lease.activity = activity;
    const received = this.#options.trace.receive('activity');
    // When presence cannot be told now, the next beat finds its epoch older, and the session is registered anew.
    const onFailure = (error: unknown): void => {
      if (isNotFound(error)) this.#options.onSessionMissing();
    };
    this.#enqueue(() => this.#tellActivity(activity, received), onFailure);
  }

  async #tellActivity(activity: Activity, received: Received): Promise<void> {
    const { lease, upstreams, whenRegistered } = this.#options;
    await whenRegistered();
    const epoch = lease.epoch + 1;
    try {
      await upstreams.setActivity(lease, activity, epoch, received);
    } finally {
      lease.epoch = epoch;
    }
  }

  #enqueue(change: () => Promise<void>, onFailure: (error: unknown) => void): void {
    this.#queue = this.#queue.then(change).catch(onFailure);
  }
}

const isNotFound = (error: unknown): boolean =>
  error instanceof RpcError && error.code === rpcStatus.NOT_FOUND;
