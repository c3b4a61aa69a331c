/** Gateways and workers that come, go and break, and the bus and the store behind them. */
import type { Fault } from './history.ts';
import type { Infrastructure, RunningGateway, Worker } from './infrastructure.ts';
import { nth } from './nth.ts';
import type { TransitionLog } from './transition-log.ts';

export interface MachineryOptions {
  readonly infra: Infrastructure;
  readonly transitions: TransitionLog;
  /** Lets time pass as far as the task needs it. */
  readonly whilePassing: (task: () => Promise<void>) => Promise<void>;
}

const MAX_GATEWAYS = 3;
const MAX_WORKERS = 3;

export class Machinery {
  readonly #options: MachineryOptions;
  readonly #gateways: RunningGateway[] = [];
  readonly #workers: Worker[] = [];
  #hasServerFault = false;

  constructor(options: MachineryOptions) {
    this.#options = options;
  }

  /** Never empty, once there was one. */
  gateway(index: number): RunningGateway {
    return nth(this.#gateways, index)!;
  }

  get #living(): readonly Worker[] {
    return this.#workers.filter((worker) => !worker.isKilled);
  }

  /** A gateway waits for what it needs before it serves. */
  async addGateway(): Promise<void> {
    if (this.#hasServerFault || this.#gateways.length >= MAX_GATEWAYS) return;
    this.#gateways.push(await this.#options.infra.addGateway());
  }

  async closeGateway(index: number): Promise<void> {
    if (this.#gateways.length < 2) return;
    const closing = this.gateway(index);
    this.#gateways.splice(this.#gateways.indexOf(closing), 1);
    closing.setCut(false);
    await this.#options.whilePassing(async () => closing.gateway[Symbol.asyncDispose]());
  }

  async addWorker(): Promise<void> {
    if (this.#living.length < MAX_WORKERS)
      this.#workers.push(await this.#options.infra.addWorker());
  }

  async break(fault: Exclude<Fault, { do: 'heal' }>): Promise<void> {
    switch (fault.do) {
      case 'cut off gateway':
        this.gateway(fault.gateway).setCut(true);
        break;
      case 'kill worker':
        nth(this.#living, fault.worker)?.kill(fault.atCall);
        break;
      case 'stop worker':
        return this.#stopWorker(fault.worker);
      case 'start worker':
        return this.addWorker();
      case 'fence':
        return this.#fence(fault);
      default:
        this.#hasServerFault = true;
        this.#breakServer(fault);
    }
  }

  /** Nothing is broken any more; what came of it takes its time. */
  mend(): void {
    const { storeFaults, busFaults } = this.#options.infra;
    storeFaults.heal();
    busFaults.set('well');
    for (const gateway of this.#gateways) gateway.setCut(false);
  }

  mended(): void {
    this.#hasServerFault = false;
  }

  #breakServer(fault: Extract<Fault, { do: 'bus' | 'store fails' | 'store away' }>): void {
    const { storeFaults, busFaults } = this.#options.infra;
    if (fault.do === 'bus') busFaults.set(fault.is);
    else if (fault.do === 'store away') storeFaults.leave();
    else storeFaults.fail(fault.call, fault.times, fault.isDoubtful);
  }

  async #fence(fault: Extract<Fault, { do: 'fence' }>): Promise<void> {
    const { infra, transitions } = this.#options;
    const shard = infra.store.shardOf(fault.userId);
    await transitions.look();
    if (fault.truncate) transitions.truncated(shard);
    await infra.store.fence(shard, fault);
  }

  async #stopWorker(index: number): Promise<void> {
    const worker = nth(this.#living, index);
    if (!worker) return;
    this.#workers.splice(this.#workers.indexOf(worker), 1);
    await this.#options.whilePassing(async () => worker.part[Symbol.asyncDispose]());
  }
}
