/**
 * Subjects in pull mode that clients look at. One look-up now and then serves all viewers of this gateway together.
 *
 * A viewer may be told of a subject only as long as it may see it. So a watch counts only once the graph has said so,
 * and anything else that is delivered of the subject (a block, an end of the follow, a change of mode) makes it ask
 * again before the next look-up counts.
 */
import type { Contact } from '../../gen/graph/v1/graph_service.ts';
import { Mode } from '../../gen/presence/v1/presence.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { invalidField } from '../protocol/frame-error.ts';
import type { GatewayEvents } from '../events.ts';
import { changeOf, type SubjectChange } from '../protocol/subject-change.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import { asSeen, type Sighting } from '../upstreams/views.ts';
import { WatchList, type Viewer, type Watch } from './watch-list.ts';

export interface WatchesOptions {
  readonly upstreams: Upstreams;
  readonly events: Pick<GatewayEvents, 'lookedUp'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A change is on the screens within a second: that leaves a fifth of it for the look-up and thousands of sockets. */
const INTERVAL_MS = 800;
const MAX_WATCHED = 200;
/** Nobody's id: who asks when it is for all viewers. */
const FOR_ALL = '';

export class Watches implements Disposable {
  readonly #options: WatchesOptions;
  readonly #list = new WatchList();
  /** Viewers with a watch that could not be checked yet. */
  readonly #unchecked = new Set<Viewer>();
  /** Viewers for whom that is being asked: once at a time, however long it takes. */
  readonly #checking = new Set<Viewer>();
  /** Each polled subject as it was told last. */
  readonly #told = new Map<string, Sighting>();
  #isPolling = false;
  readonly #timer: Timer;

  constructor(options: WatchesOptions) {
    this.#options = options;
    this.#timer = options.clock.every(INTERVAL_MS, () => void this.#tick());
  }

  /** @throws FrameError when the viewer would watch too many. */
  watch(viewer: Viewer, userIds: readonly string[]): void {
    const added = new Set(userIds.filter((userId) => !viewer.watching?.has(userId)));
    const total = (viewer.watching?.size ?? 0) + added.size;
    if (total > MAX_WATCHED) {
      const problem = `that would make ${total} watched; at most ${MAX_WATCHED} at a time, unwatch some`;
      throw invalidField('watch.userIds', problem);
    }
    for (const userId of added) this.#list.begin(viewer, userId);
    this.#checkSoon(viewer);
  }

  unwatch(viewer: Viewer, userIds: readonly string[]): void {
    for (const userId of userIds) this.#list.end(viewer, userId);
  }

  /** Something was delivered to a viewer that watches; a quiet delivery was not sent on. */
  delivered(viewer: Viewer, { subjectUserId, presence }: SubjectChange, quiet: boolean): void {
    const watch = viewer.watching?.get(subjectUserId);
    if (!watch) return;
    this.#list.begin(viewer, subjectUserId, quiet ? watch.toldVersion : presence?.version);
    this.#checkSoon(viewer);
  }

  /** The session is over. */
  drop(viewer: Viewer): void {
    this.#unchecked.delete(viewer);
    this.unwatch(viewer, [...(viewer.watching?.keys() ?? [])]);
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }

  #checkSoon(viewer: Viewer): void {
    void this.#checkAll(viewer);
  }

  async #checkAll(viewer: Viewer): Promise<void> {
    if (this.#checking.has(viewer)) return;
    this.#checking.add(viewer);
    try {
      for (let asked = uncheckedOf(viewer); asked.length > 0; asked = uncheckedOf(viewer)) {
        this.#unchecked.add(viewer);
        await this.#check(viewer, asked);
      }
      this.#unchecked.delete(viewer);
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'a watch waits');
    }
    this.#checking.delete(viewer);
  }

  /** Asks what the viewer may see of what it watches, and tells it how that is now. */
  async #check(viewer: Viewer, asked: readonly [string, Watch][]): Promise<void> {
    const userIds = asked.map(([userId]) => userId);
    // In this order: who begins to hide in between is hidden, and not shown as they were after that.
    const sightingOf = await this.#sightingsOf(viewer, asked);
    const contacts = await this.#options.upstreams.visible(viewer.userId, userIds);
    const contactOf = new Map(contacts.map((contact) => [contact.userId, contact]));
    for (const [userId, watch] of asked) {
      // Since then it has been left, or something was delivered that makes it ask again.
      if (viewer.watching?.get(userId) !== watch) continue;
      watch.isChecked = true;
      this.#tell(viewer, watch, contactOf.get(userId), sightingOf.get(userId), userId);
    }
  }

  /** What others are watching already was looked up a moment ago, and will be in a moment. */
  async #sightingsOf(
    { userId: asker }: Viewer,
    asked: readonly [string, Watch][],
  ): Promise<Map<string, Sighting>> {
    const sightings: Sighting[] = [];
    const unknown: string[] = [];
    for (const [userId, { toldVersion }] of asked) {
      const told = toldVersion === undefined ? this.#told.get(userId) : undefined;
      if (told) sightings.push(told);
      else unknown.push(userId);
    }
    if (unknown.length > 0) {
      sightings.push(...(await this.#options.upstreams.lookUp(asker, unknown)).sightings);
    }
    return new Map(sightings.map((sighting) => [sighting.presence.userId, sighting]));
  }

  #tell(
    viewer: Viewer,
    watch: Watch,
    contact: Contact | undefined,
    sighting: Sighting | undefined,
    userId: string,
  ): void {
    watch.isPolled = contact?.mode === Mode.MODE_PULL && isKnown(contact);
    watch.hiddenAs = contact?.hidden ? contact : undefined;
    if (!contact) this.#list.end(viewer, userId);
    const newest = sighting && this.#newestOf(sighting);
    const seen = contact && newest && asSeen(contact, newest);
    if (watch.isPolled && newest && !this.#told.has(userId)) this.#told.set(userId, newest);
    if (seen && watch.toldVersion === seen.version) return;
    watch.toldVersion = seen?.version;
    viewer.deliver(changeOf(userId, seen));
  }

  /** What the others were told while this viewer was checked would not be told again. */
  #newestOf(sighting: Sighting): Sighting {
    const told = this.#told.get(sighting.presence.userId);
    return told && told.presence.version > sighting.presence.version ? told : sighting;
  }

  async #tick(): Promise<void> {
    if (this.#isPolling) return;
    this.#isPolling = true;
    for (const viewer of this.#unchecked) this.#checkSoon(viewer);
    try {
      await this.#poll();
    } catch (error) {
      // It grows old: who begins to watch now must wait for an answer.
      this.#told.clear();
      this.#options.logger.debug({ err: error }, 'what is watched could not be looked up');
    }
    this.#isPolling = false;
  }

  async #poll(): Promise<void> {
    const userIds = this.#list.polled();
    const isPolled = new Set(userIds);
    for (const userId of this.#told.keys()) if (!isPolled.has(userId)) this.#told.delete(userId);
    for (const sighting of await this.#lookUp(userIds)) {
      const { userId } = sighting.presence;
      const before = this.#told.get(userId);
      this.#told.set(userId, sighting);
      this.#tellPullers(sighting, before?.presence.version);
    }
  }

  /** From those who are hidden, what the subject does is; that their shard lost data is told everyone. */
  #tellPullers(sighting: Sighting, versionBefore: bigint | undefined): void {
    const { userId, version } = sighting.presence;
    const change = changeOf(userId, { ...sighting.presence, mode: Mode.MODE_PULL });
    for (const viewer of this.#list.pullersOf(userId)) {
      const watch = viewer.watching?.get(userId);
      if (!watch) continue;
      if (watch.hiddenAs) this.#tellHidden(viewer, watch, watch.hiddenAs, sighting);
      else if (version !== versionBefore && version !== watch.toldVersion) {
        watch.toldVersion = version;
        viewer.deliver(change);
      }
    }
  }

  #tellHidden(viewer: Viewer, watch: Watch, contact: Contact, sighting: Sighting): void {
    const seen = asSeen(contact, sighting);
    if (watch.toldVersion === seen.version) return;
    watch.toldVersion = seen.version;
    viewer.deliver(changeOf(seen.userId, seen));
  }

  async #lookUp(userIds: readonly string[]): Promise<readonly Sighting[]> {
    if (userIds.length === 0) return [];
    this.#options.events.lookedUp();
    return (await this.#options.upstreams.lookUp(FOR_ALL, userIds)).sightings;
  }
}

/** Until a block has been announced, what a look-up says may be what the subject did since. */
const isKnown = ({ hidden, frozen }: Contact): boolean => !hidden || frozen !== undefined;

const uncheckedOf = ({ watching }: Viewer): [string, Watch][] =>
  [...(watching ?? [])].filter(([, { isChecked }]) => !isChecked);
