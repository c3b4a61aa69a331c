/** What a session told presence of its user's status, and what has to be told again when it is registered anew. */
import { status as rpcStatus } from '@grpc/grpc-js';
import { Status } from '../../gen/presence/v1/presence.ts';
import type { Activity } from '../../gen/presence/v1/presence_service.ts';
import type { Choice } from '../../gen/registry/v1/registry_service.ts';
import type { Clock } from '../../lib/clock.ts';
import { RpcError } from '../../lib/errors.ts';
import type { ClientTrace, Received } from '../upstreams/client-trace.ts';
import type { Lease } from '../heartbeats/lease.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';

export interface StatusChangesOptions {
  readonly lease: Lease;
  readonly trace: ClientTrace;
  readonly upstreams: Upstreams;
  readonly clock: Clock;
  /** Settles when no registration is under way: a session must be there before it can be active or idle. */
  readonly whenRegistered: () => Promise<unknown>;
  /** Presence has no such session, alive. */
  readonly onSessionMissing: () => void;
  /** Nothing newer was chosen, and this is not known to have been taken. */
  readonly onRefused: (error: unknown) => void;
}

interface Wish {
  readonly status: Status;
  /** When it was made, by the monotonic clock. */
  readonly atMs: number;
}

/**
 * Activities go out one after the other. Of choices the newest counts: one is under way at a time, and what was chosen
 * meanwhile and then thought better of is never told. Each newest choice is carried out or refused.
 */
export class StatusChanges {
  readonly #options: StatusChangesOptions;
  /** The last choice that was carried out here, or was found in force. */
  #choice: Wish | undefined;
  /** When a choice was last told, by the monotonic clock. */
  #toldAtMs = -Infinity;
  /** The newest choice, until it is carried out or refused. */
  #wish: Wish | undefined;
  #isChoosing = false;
  #activities: Promise<void> = Promise.resolve();

  constructor(options: StatusChangesOptions) {
    this.#options = options;
  }

  /**
   * The session is registered, and this choice was in force, whoever made it: should the store lose it, others must not
   * see somebody who is invisible, though the device where they chose that has left.
   * @param askedAtMs when registration was asked for; what has been told since may be newer.
   */
  registered(chosen: Status, askedAtMs: number): void {
    if (this.#isChoosing || this.#toldAtMs >= askedAtMs) return;
    if (!this.#choice && chosen === Status.STATUS_UNSPECIFIED) return;
    this.#choice = { status: chosen, atMs: askedAtMs };
  }

  /** The last choice known here, with its age. */
  choice(nowMs: number): Choice | undefined {
    if (!this.#choice) return undefined;
    return { status: this.#choice.status, ageMs: Math.round(nowMs - this.#choice.atMs) };
  }

  choose(status: Status): void {
    this.#wish = { status, atMs: this.#options.clock.monotonic() };
    if (!this.#isChoosing) void this.#tellChoices();
  }

  /** The client is about to be sent away. */
  abandon(): void {
    if (!this.#wish) return;
    this.#wish = undefined;
    const problem = 'it was not answered before the connection closed';
    this.#options.onRefused(new RpcError(rpcStatus.UNAVAILABLE, problem));
  }

  setActivity(activity: Activity): void {
    this.#options.lease.activity = activity;
    const received = this.#options.trace.receive('activity');
    // When presence cannot be told now, the next beat finds its epoch older, and the session is registered anew.
    const onFailure = (error: unknown): void => {
      if (isNotFound(error)) this.#options.onSessionMissing();
    };
    const tell = () => this.#tellActivity(activity, received);
    this.#activities = this.#activities.then(tell).catch(onFailure);
  }

  async #tellChoices(): Promise<void> {
    this.#isChoosing = true;
    for (let wish = this.#wish; wish; wish = this.#wish) {
      const error = await this.#tellChoice(wish);
      if (this.#wish !== wish) continue;
      this.#wish = undefined;
      if (error !== undefined) this.#options.onRefused(error);
    }
    this.#isChoosing = false;
  }

  /** @returns what went wrong. */
  async #tellChoice(wish: Wish): Promise<unknown> {
    const { lease, upstreams, trace } = this.#options;
    try {
      await upstreams.choose(lease.userId, wish.status, trace.receive('choose', wish.atMs));
      this.#choice = wish;
      this.#toldAtMs = this.#options.clock.monotonic();
      return undefined;
    } catch (error) {
      return error ?? new Error('refused without a reason');
    }
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
}

const isNotFound = (error: unknown): boolean =>
  error instanceof RpcError && error.code === rpcStatus.NOT_FOUND;
