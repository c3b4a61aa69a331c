/** The processes behind a list of addresses and names: names are looked up again and again, calls go round them all. */
import { credentials, type ChannelOptions } from '@grpc/grpc-js';
import { createAbortController } from '../abort.ts';
import type { Clock, Timer } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { addressesOf, isName, type Resolve } from './addresses.ts';
import { Peer, type BaseClient } from './peer.ts';
import { TICK_MS } from './silence.ts';

export type ClientConstructor<C extends BaseClient> = new (
  address: string,
  creds: ReturnType<typeof credentials.createInsecure>,
  options?: ChannelOptions,
) => C;

export interface PeersOptions<C extends BaseClient> {
  readonly service: ClientConstructor<C>;
  readonly addresses: readonly string[];
  readonly channelOptions: ChannelOptions;
  readonly resolve: Resolve;
  readonly clock: Clock;
  /** A process is passed over from now on, or is no longer. */
  readonly onTurn: (address: string, isHung: boolean) => void;
}

/** How soon a process that was added under a name gets its share. */
const LOOK_UP_MS = 5000;
/** How long a call waits for names to be looked up for the first time. */
const MAX_FIRST_LOOK_UP_MS = 10_000;
/** How soon a name that could not be looked up is looked up again. */
const RETRY_MS = 1000;

export class Peers<C extends BaseClient> implements Disposable {
  readonly #options: PeersOptions<C>;
  /** The addresses of each name, as last heard. */
  readonly #named = new Map<string, readonly string[]>();
  readonly #listeners = new Set<() => void>();
  #all: readonly Peer<C>[] = [];
  /** No longer behind any name; they answer what they were asked before. */
  readonly #leaving = new Set<Peer<C>>();
  #turn = 0;
  #ticking: Timer | undefined;
  #lookingUp: Timer | undefined;
  /** Until every name has been looked up for the first time. */
  #first: Promise<void> | undefined;
  #problem: string | undefined;
  #isClosed = false;

  constructor(options: PeersOptions<C>) {
    this.#options = options;
    this.#update();
    if (!options.addresses.some(isName)) return;
    this.#first = this.#lookUp().finally(() => (this.#first = undefined));
  }

  /** Those known now. */
  get all(): readonly Peer<C>[] {
    return this.#all;
  }

  /** Why there are none. */
  get problem(): string {
    if (this.#options.addresses.length === 0) return 'no address is set';
    return this.#problem ?? 'names are not looked up yet';
  }

  /** Calls the listener whenever `all` is another. */
  watch(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Undefined once names have been looked up, or could not be; else resolves then, or when time is up. */
  known(withinMs: number): Promise<void> | undefined {
    if (!this.#first) return undefined;
    const isOver = createAbortController();
    const waitMs = Math.min(withinMs, MAX_FIRST_LOOK_UP_MS);
    const timeUp = this.#options.clock.sleep(waitMs, isOver.signal).catch(() => undefined);
    return Promise.race([this.#first, timeUp]).finally(() => isOver.abort());
  }

  /** Where the next call begins. */
  nextTurn(): number {
    return this.#turn++;
  }

  /** The next one in turn that has not been tried: one that answers; `any`: one that hangs if there is no other. */
  pick(turn: number, tried: readonly Peer<C>[], which: 'ANSWERING' | 'ANY'): Peer<C> | undefined {
    const all = this.#all;
    let hung: Peer<C> | undefined;
    for (let i = 0; i < all.length; i++) {
      const peer = all[(turn + i) % all.length];
      if (!peer || tried.includes(peer)) continue;
      if (!peer.isHung) return peer;
      hung ??= peer;
    }
    return which === 'ANY' ? hung : undefined;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#ticking?.cancel();
    this.#lookingUp?.cancel();
    for (const peer of [...this.#all, ...this.#leaving]) peer[Symbol.dispose]();
  }

  async #lookUp(): Promise<void> {
    const names = this.#options.addresses.filter(isName);
    const problems = await Promise.all(names.map((name) => this.#lookUpOne(name)));
    if (this.#isClosed) return;
    this.#problem = problems.find((problem) => problem !== undefined);
    this.#update();
    const delayMs = this.#problem === undefined ? LOOK_UP_MS : RETRY_MS;
    this.#lookingUp = this.#options.clock.after(delayMs, () => void this.#lookUp());
  }

  /** What is known of a name stays known while it cannot be looked up. @returns what went wrong. */
  async #lookUpOne(name: string): Promise<string | undefined> {
    try {
      this.#named.set(name, await addressesOf(name, this.#options.resolve));
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  #update(): void {
    const wanted = new Set(
      this.#options.addresses.flatMap((address) =>
        isName(address) ? (this.#named.get(address) ?? []) : [address],
      ),
    );
    const before = new Map(this.#all.map((peer) => [peer.address, peer]));
    const isSame = before.size === wanted.size && [...wanted].every((one) => before.has(one));
    if (isSame) return;
    this.#all = [...wanted].map((address) => before.get(address) ?? this.#open(address));
    for (const listener of this.#listeners) listener();
    for (const [address, peer] of before) if (!wanted.has(address)) this.#dismiss(peer);
  }

  #dismiss(peer: Peer<C>): void {
    peer.retire();
    if (peer.isClosed) return;
    this.#leaving.add(peer);
    this.#startTicking();
  }

  #open(address: string): Peer<C> {
    const { service, channelOptions, clock, onTurn } = this.#options;
    return new Peer({
      ...{ address, channelOptions, clock },
      client: new service(address, credentials.createInsecure(), channelOptions),
      onBusy: () => this.#startTicking(),
      onTurn: (isHung) => onTurn(address, isHung),
    });
  }

  /** One timer for all calls, and none while nothing is asked. */
  #startTicking(): void {
    if (this.#isClosed) return;
    this.#ticking ??= this.#options.clock.every(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    for (const peer of [...this.#all, ...this.#leaving]) peer.tick();
    for (const peer of this.#leaving) if (peer.isClosed) this.#leaving.delete(peer);
    if (this.#leaving.size > 0 || this.#all.some(({ isBusy }) => isBusy)) return;
    this.#ticking?.cancel();
    this.#ticking = undefined;
  }
}
