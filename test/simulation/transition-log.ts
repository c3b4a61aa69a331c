/**
 * What internal services hear of users' changes, compared with the changes that the store has made. The one here loses
 * its connection, and goes on where it was.
 */
import { toStatus } from '../../fanout/audience.ts';
import type {
  PresenceServiceClient,
  WatchPresenceResponse,
} from '../../gen/presence/v1/presence_service.ts';
import type { Transition } from '../../gen/presence/v1/transition.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import type { LogRecord, PresenceStore } from '../../store/presence-store.ts';
import { eventually } from '../support/eventually.ts';

export class TransitionLog {
  readonly #store: PresenceStore;
  readonly #users: readonly string[];
  readonly #presence: ClientPool<PresenceServiceClient>;
  readonly #published: Transition[] = [];
  /** Undefined while the connection is cut. */
  #stream: { cancel(): void } | undefined;
  /** After what was heard last. */
  #cursor = '';
  /** Of each user, by version. */
  readonly #made = new Map<string, Map<number, LogRecord>>();
  /** Changes that may be lost, as `user version`. */
  readonly #mayBeLost = new Set<string>();

  constructor(
    presence: ClientPool<PresenceServiceClient>,
    store: PresenceStore,
    users: readonly string[],
  ) {
    this.#presence = presence;
    this.#store = store;
    this.#users = users;
    for (const userId of users) this.#made.set(userId, new Map());
  }

  /** Goes on where it was; resolves when it has been told where that is. The topic is made by the first worker. */
  async follow(): Promise<void> {
    if (this.#stream) return;
    await eventually(
      () =>
        new Promise<void>((resolve, reject) => {
          const stream = this.#presence.clients[0]!.client.watchPresence({
            userIds: [],
            cursor: this.#cursor,
          });
          this.#stream = stream;
          stream.on('data', ({ transition, cursor }: WatchPresenceResponse) => {
            if (this.#stream !== stream) return;
            this.#cursor = cursor;
            if (transition) this.#published.push(transition);
            resolve();
          });
          stream.on('error', reject);
        }),
    );
  }

  cut(): void {
    this.#stream?.cancel();
    this.#stream = undefined;
  }

  /** To be called before the store has forgotten the first of what is new: it remembers eight of a user. */
  async look(): Promise<void> {
    for (const userId of this.#users) {
      const { log, nowMs, holdMs } = await this.#store.inspect(userId);
      const made = this.#made.get(userId)!;
      for (const record of log) {
        if (made.has(record.version)) continue;
        made.set(record.version, record);
        // Nothing enters the outbox in a hold: gateways pull.
        if (holdMs > 0 && record.atMs <= nowMs) this.#mayBeLost.add(nameOf(userId, record.version));
      }
    }
  }

  /** The outbox of that user's shard is emptied. */
  truncated(shard: number): void {
    for (const userId of this.#users.filter((id) => this.#store.shardOf(id) === shard)) {
      for (const version of this.#made.get(userId)!.keys()) {
        this.#mayBeLost.add(nameOf(userId, version));
      }
    }
  }

  /** @throws when a change was not published, or came before an older one. */
  check(): void {
    for (const userId of this.#users) {
      const firsts = new Map<number, Transition>();
      for (const transition of this.#published) {
        const version = Number(transition.version);
        if (transition.userId !== userId || firsts.has(version)) continue;
        firsts.set(version, transition);
      }
      this.#isComplete(userId, firsts);
      const versions = [...firsts.keys()];
      if (versions.some((version, i) => version < (versions[i - 1] ?? 0))) {
        throw new Error(`transitions of ${userId} are not in order: ${versions.join(', ')}`);
      }
    }
  }

  #isComplete(userId: string, published: ReadonlyMap<number, Transition>): void {
    const made = this.#made.get(userId)!;
    for (const [version, { status }] of made) {
      const transition = published.get(version);
      const isRight = transition
        ? transition.status === toStatus(status)
        : this.#mayBeLost.has(nameOf(userId, version));
      if (!isRight) throw new Error(`${userId} ${status} at ${version} is not among transitions`);
    }
    for (const version of published.keys()) {
      if (!made.has(version)) throw new Error(`a transition of ${userId} at ${version} never was`);
    }
  }
}

const nameOf = (userId: string, version: number): string => `${userId} ${version}`;
