/** One process that answers calls, with what is known of whether it does. */
import { credentials, Metadata, status, type ChannelOptions } from '@grpc/grpc-js';
import { HealthClient } from '../../gen/grpc/health/v1/health.ts';
import type { Clock } from '../clock.ts';
import { afterTick, HEARD, isToBeProbed, PROBE_MS, type Silence } from './silence.ts';

/** Something that was asked and is not answered. */
export interface Attempt {
  /** Called again and again while the process hangs. */
  readonly onHung: () => void;
}

/** What is kept open to a process. */
interface Kept extends Disposable {
  /** Gives up what has waited too long. */
  expire(nowMs: number): void;
}

export interface BaseClient {
  close(): void;
}

export interface PeerOptions<C extends BaseClient> {
  readonly address: string;
  readonly client: C;
  readonly channelOptions: ChannelOptions;
  readonly clock: Clock;
  /** It is asked something: it needs ticks. */
  readonly onBusy: () => void;
  /** It hangs, or does no longer. */
  readonly onTurn: (isHung: boolean) => void;
}

/** Any server of ours has it, and it says no more than that the process answers. */
const HEALTH = 'grpc.health.v1.Health';

export class Peer<C extends BaseClient> implements Disposable {
  readonly address: string;
  readonly client: C;
  readonly #options: PeerOptions<C>;
  readonly #attempts = new Set<Attempt>();
  readonly #kept: Kept[] = [];
  #silence: Silence = HEARD;
  #health: HealthClient | undefined;
  #isRetired = false;
  #isClosed = false;

  constructor(options: PeerOptions<C>) {
    this.#options = options;
    this.address = options.address;
    this.client = options.client;
  }

  /** It let the calls that wait, and the question whether it lives, go without an answer. */
  get isHung(): boolean {
    return this.#silence.isHung;
  }

  /** True while it needs ticks. */
  get isBusy(): boolean {
    return this.#attempts.size > 0 || this.isHung;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  begin(attempt: Attempt): void {
    this.#attempts.add(attempt);
    this.#options.onBusy();
  }

  end(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    if (this.#isRetired) this.retire();
  }

  /** It said something. */
  heard(): void {
    const wasHung = this.isHung;
    this.#silence = HEARD;
    if (wasHung) this.#options.onTurn(false);
  }

  /** Is to be expired and disposed with this. */
  keep(kept: Kept): void {
    this.#kept.push(kept);
  }

  tick(): void {
    const wasHung = this.isHung;
    this.#silence = afterTick(this.#silence, this.#attempts.size > 0);
    if (isToBeProbed(this.#silence)) this.#probe();
    if (this.isHung && !wasHung) this.#options.onTurn(true);
    if (this.isHung) for (const attempt of [...this.#attempts]) attempt.onHung();
    const nowMs = this.#options.clock.now();
    for (const kept of this.#kept) kept.expire(nowMs);
  }

  /** Gone from the list of processes: closed when what it was asked is over. */
  retire(): void {
    this.#isRetired = true;
    if (this.#attempts.size === 0) this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const kept of this.#kept.splice(0)) kept[Symbol.dispose]();
    this.#health?.close();
    this.client.close();
  }

  /** Goes over the connection that the calls go over: grpc-js shares it between clients with the same options. */
  #probe(): void {
    const { address, channelOptions, clock } = this.#options;
    this.#health ??= new HealthClient(address, credentials.createInsecure(), channelOptions);
    const deadline = clock.now() + PROBE_MS;
    this.#health.check({ service: HEALTH }, new Metadata(), { deadline }, (error) => {
      if (!this.#isClosed && (!error || isAnswer(error.code))) this.heard();
    });
  }
}

/** Whether an error is what a process said, and not that it said nothing. */
export function isAnswer(code: status): boolean {
  return (
    code !== status.UNAVAILABLE && code !== status.DEADLINE_EXCEEDED && code !== status.CANCELLED
  );
}
