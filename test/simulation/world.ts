/**
 * Users with their devices, and the mesh they use. Something happens, all that comes of it comes to rest, and what
 * everybody sees is compared with what the oracle says; then the next thing happens, or a little time passes.
 */
import { Status } from '../../gen/presence/v1/presence.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { eventually } from '../support/eventually.ts';
import { Checks, type Scene } from './checks.ts';
import { Device } from './device.ts';
import { USERS, type DeviceDeed, type Step } from './history.ts';
import { startInfrastructure, type Infrastructure } from './infrastructure.ts';
import { lookUpAll } from './look-ups.ts';
import { Machinery } from './machinery.ts';
import { nth } from './nth.ts';
import { Oracle, type Choice, type Edge, type Ending } from './oracle.ts';
import { TransitionLog } from './transition-log.ts';

const RULES = { leaseMs: 3000, graceMs: 600, maxFollowers: 2 };
const BEAT_MS = 500;
/** Longer steps would let the leases of parts end between two renewals. */
const STEP_MS = 200;
/** While something is waited for that needs a little time. */
const SMALL_STEP_MS = 20;
/** After a fault: leases that nobody shortened end, a hold is over, and everybody has a new snapshot. */
const RECOVERY_MS = 7000;
/** In the end: who is silent goes offline. */
const LAST_MS = RULES.leaseMs + 1500;
const MAX_DEVICES = 14;
/** What is on its way may take longer on a busy machine, ms of its own time; see `#compare`. */
const PATIENCE = { timeoutMs: 30_000 };

export class World implements AsyncDisposable {
  readonly #infra: Infrastructure;
  readonly #disposer: Disposer;
  readonly #oracle = new Oracle(USERS, RULES);
  readonly #checks = new Checks();
  readonly #transitions: TransitionLog;
  readonly #machinery: Machinery;
  readonly #devices: Device[] = [];
  /** Who chose something that may not have been heard, and what. */
  readonly #unsure = new Map<string, Choice | undefined>();
  /** Devices that do something in this step. */
  readonly #busy = new Set<Device>();
  #isTogether = false;
  #brokenSinceMs: number | undefined;

  private constructor(infra: Infrastructure, disposer: Disposer) {
    this.#infra = infra;
    this.#disposer = disposer;
    this.#transitions = new TransitionLog(infra.mesh.presence, infra.store, USERS);
    const whilePassing = (task: () => Promise<void>) => this.#while(task);
    this.#machinery = new Machinery({ infra, transitions: this.#transitions, whilePassing });
  }

  static async start(random: () => number): Promise<World> {
    const disposer = createDisposer();
    try {
      const infra = disposer.add(await startInfrastructure(RULES, random));
      const world = new World(infra, disposer);
      await world.#begin();
      return world;
    } catch (error) {
      await disposer[Symbol.asyncDispose]();
      throw error;
    }
  }

  async do(step: Step): Promise<void> {
    this.#busy.clear();
    this.#isTogether = step.do === 'together';
    await this.#act(step);
    await this.#rest();
  }

  /** Mends what is broken, lets everything come to an end, and looks whether all is as promised. */
  async finish(): Promise<void> {
    await this.#heal();
    await this.#pass(LAST_MS);
    await lookUpAll(this.#machinery.gateway(0).gateway, this.#scene);
    await this.#transitions.follow();
    await eventually(() => this.#transitions.check(), PATIENCE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#machinery.mend();
    await this.#disposer[Symbol.asyncDispose]();
  }

  get #nowMs(): number {
    return this.#infra.time.clock.now();
  }

  get #open(): readonly Device[] {
    return this.#devices.filter((device) => device.isOpen);
  }

  /** Friends, and a celebrity whom three follow. */
  async #begin(): Promise<void> {
    this.#disposer.defer(() => this.#devices.forEach((device) => device.cut()));
    for (let i = 0; i < 2; i++) await this.#machinery.addWorker();
    this.#disposer.defer(() => this.#transitions.cut());
    await this.#transitions.follow();
    for (let i = 0; i < 2; i++) await this.#machinery.addGateway();
    const { time } = this.#infra;
    // Workers have found their shards.
    for (let passed = 0; passed < 2000; passed += STEP_MS) {
      time.advance(STEP_MS);
      await this.#infra.quiet([]);
    }
    for (const friend of ['bob', 'cat', 'star']) await this.#change('befriend', 'ann', friend);
    await this.#change('befriend', 'bob', 'cat');
    for (const fan of ['bob', 'cat', 'dan']) await this.#change('follow', fan, 'star');
    await this.#rest();
  }

  async #act(step: Step): Promise<void> {
    switch (step.do) {
      case 'pass':
        return this.#pass(step.ms);
      case 'connect':
        return this.#connect(step.userId, step.gateway);
      case 'choose':
        return this.#choose(step.userId, step.choice);
      case 'befriend':
      case 'unfriend':
      case 'follow':
      case 'unfollow':
      case 'block':
      case 'unblock':
        return this.#change(step.do, step.from, step.to);
      case 'together':
        return this.#together(step.steps);
      case 'add gateway':
        return this.#machinery.addGateway();
      case 'close gateway':
        return this.#machinery.closeGateway(step.gateway);
      case 'cut follower':
        this.#transitions.cut();
        return;
      case 'resume follower':
        return this.#transitions.follow();
      case 'heal':
        return this.#heal();
      case 'cut off gateway':
      case 'kill worker':
      case 'stop worker':
      case 'start worker':
      case 'bus':
      case 'store fails':
      case 'store away':
      case 'fence':
        this.#brokenSinceMs ??= this.#nowMs;
        return this.#machinery.break(step);
      default:
        return this.#tell(step.do, step.device);
    }
  }

  async #together(steps: readonly Step[]): Promise<void> {
    const under = steps.map((step) => {
      const acting = this.#act(step);
      this.#checks.note(this.#scene);
      return acting;
    });
    await Promise.all(under);
  }

  async #connect(userId: string, index: number): Promise<void> {
    if (this.#open.length >= MAX_DEVICES) return;
    const { gateway } = this.#machinery.gateway(index);
    const onFrame = (): void => this.#infra.noteEvent();
    const device = new Device({ number: this.#devices.length, userId, gateway, onFrame });
    this.#devices.push(device);
    this.#oracle.opened(device.number, userId, gateway.gatewayId, this.#nowMs);
    device.nextBeatMs = this.#nowMs + BEAT_MS;
    await eventually(() => device.isOpen || device.closeCode !== undefined);
    if (!device.isOpen) this.#oracle.refused(device.number);
  }

  async #tell(deed: DeviceDeed, index: number): Promise<void> {
    const device = nth(this.#open, index);
    if (!device || this.#busy.has(device)) return;
    this.#busy.add(device);
    switch (deed) {
      case 'freeze':
        device.isFrozen = true;
        return;
      case 'thaw':
        device.isFrozen = false;
        return;
      case 'idle':
      case 'active':
        device.isIdle = deed === 'idle';
        device.isFrozen = false;
        this.#beat(device);
        return;
      case 'resync':
        device.send({ resync: {} });
        return;
      case 'watch':
      case 'unwatch':
        this.#watch(device, deed);
        return;
      case 'close':
        device.close();
        return this.#end(device, 'closed');
      case 'cut':
        device.cut();
        return this.#end(device, 'closed');
      case 'logout':
        device.send({ logout: {} });
        return this.#end(device, 'loggedOut');
    }
  }

  #watch(device: Device, deed: 'watch' | 'unwatch'): void {
    const userIds = USERS.filter((userId) => userId !== device.userId);
    device.send({ [deed]: { userIds } });
    if (deed === 'unwatch') device.watching.clear();
    else for (const userId of userIds) device.watching.set(userId, this.#nowMs);
  }

  /** While something is broken its end may not be heard: then it may run to its deadline. */
  async #end(device: Device, how: Ending): Promise<void> {
    const heard = this.#brokenSinceMs === undefined ? how : 'leftBehind';
    this.#oracle.ended(device.number, heard, this.#nowMs);
    await eventually(() => device.closeCode !== undefined);
  }

  async #choose(userId: string, choice: Choice | undefined): Promise<void> {
    this.#oracle.chose(userId, choice);
    if (this.#brokenSinceMs !== undefined) this.#unsure.set(userId, choice);
    const device = this.#open.find((one) => one.userId === userId);
    if (device && !this.#isTogether)
      device.send({ setStatus: choice ? { status: `STATUS_${choice}` } : {} });
    else await this.#unlessBroken(this.#setStatus(userId, choice));
  }

  #setStatus(userId: string, choice: Choice | undefined): Promise<unknown> {
    const value = choice ? Status[`STATUS_${choice}` as const] : Status.STATUS_UNSPECIFIED;
    const request = { userId, change: { $case: 'chosen', value } } as const;
    return this.#infra.mesh.presence.unary((client) => client.setStatus, request);
  }

  /** What is not announced at once is stored all the same, and announced later. */
  async #change(edge: Edge, from: string, to: string): Promise<void> {
    this.#oracle.changed(edge, from, to);
    const { graph } = this.#infra.mesh;
    const changes = {
      befriend: () => graph.unary((to_) => to_.befriend, { userId: from, friendUserId: to }),
      unfriend: () => graph.unary((to_) => to_.unfriend, { userId: from, friendUserId: to }),
      follow: () => graph.unary((to_) => to_.follow, { userId: from, followedUserId: to }),
      unfollow: () => graph.unary((to_) => to_.unfollow, { userId: from, followedUserId: to }),
      block: () => graph.unary((to_) => to_.block, { userId: from, blockedUserId: to }),
      unblock: () => graph.unary((to_) => to_.unblock, { userId: from, blockedUserId: to }),
    };
    await this.#unlessBroken(changes[edge]());
    // A watch of a stranger ends.
    for (const { userId, watching } of this.#devices) {
      for (const subject of watching.keys()) {
        if (!this.#oracle.knows(userId, subject)) watching.delete(subject);
      }
    }
  }

  async #unlessBroken(call: Promise<unknown>): Promise<void> {
    if (this.#brokenSinceMs === undefined) await call;
    else await call.catch(() => undefined);
  }

  /** Everything works again; when that has had its effect, those choose again who cannot know they were heard. */
  async #heal(): Promise<void> {
    if (this.#brokenSinceMs === undefined) return;
    this.#machinery.mend();
    await this.#machinery.addWorker();
    await this.#pass(RECOVERY_MS);
    for (const [userId, choice] of this.#unsure) await this.#setStatus(userId, choice);
    this.#unsure.clear();
    await this.#infra.quiet(this.#open);
    this.#brokenSinceMs = undefined;
    this.#machinery.mended();
  }

  async #pass(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= STEP_MS)
      await this.#tick(Math.min(leftMs, STEP_MS));
  }

  /** Lets time pass as far as the task needs it. */
  async #while(task: () => Promise<void>): Promise<void> {
    const state = { isOver: false };
    const over = task().finally(() => {
      state.isOver = true;
    });
    await this.#infra.quiet(this.#open);
    while (!state.isOver) await this.#tick(SMALL_STEP_MS);
    await over;
  }

  async #tick(ms: number): Promise<void> {
    for (const device of this.#open) {
      if (!device.isFrozen && device.nextBeatMs <= this.#nowMs) this.#beat(device);
    }
    // Heartbeats have come before time moves on.
    await Promise.all(this.#open.map((device) => device.roundTrip()));
    this.#infra.time.advance(ms);
    await this.#rest();
  }

  #beat(device: Device): void {
    device.nextBeatMs = this.#nowMs + BEAT_MS;
    device.beat();
    this.#oracle.beat(device.number, device.isIdle, this.#nowMs);
  }

  /** All that was done has had its effect, as far as it has without time, and everybody sees what they should. */
  async #rest(): Promise<void> {
    await this.#infra.quiet(this.#open);
    for (const device of this.#devices) {
      if (device.closeCode !== undefined) {
        this.#oracle.ended(device.number, 'leftBehind', this.#nowMs);
      }
    }
    this.#checks.note(this.#scene);
    await this.#transitions.look();
    this.#checks.sentOnlyWhereSomebodyIs(this.#infra.takeSent(), this.#scene);
    this.#checks.toldNothingElse(this.#scene);
    if (this.#brokenSinceMs === undefined) await this.#compare();
  }

  /** What is seen is called wrong only when it stays so: no time passes meanwhile but the machine's. */
  async #compare(): Promise<void> {
    await eventually(async () => {
      try {
        this.#checks.viewsAreRight(this.#scene);
      } catch (error) {
        await this.#infra.quiet(this.#open);
        throw error;
      }
    }, PATIENCE);
  }

  get #scene(): Scene {
    return {
      oracle: this.#oracle,
      nowMs: this.#nowMs,
      devices: this.#devices,
      brokenSinceMs: this.#brokenSinceMs,
      isTogether: this.#isTogether,
    };
  }
}
