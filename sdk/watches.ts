/**
 * Who is on screen. Only users in pull mode have to be watched, and only so many at a time: of what is wanted, the
 * gateway is told as much as it takes, the oldest first; the rest moves up.
 */
import type { Clock, Timer } from './clock.ts';
import { MAX_IDS_A_FRAME, MAX_WATCHED, type ClientFrame } from './frames.ts';

export interface WatchesOptions {
  readonly clock: Clock;
  /** Is the user seen, and in pull mode? */
  readonly isPulled: (userId: string) => boolean;
  /** False when there is no connection to send it on. */
  readonly send: (frame: ClientFrame) => boolean;
}

/** A screen full of people appears at once, and a screen drawn anew lets go of them and takes them again. */
const GATHER_MS = 50;

export class Watches {
  readonly #options: WatchesOptions;
  /** How many want each. */
  readonly #wanted = new Map<string, number>();
  /** What the gateway was told on this connection. */
  readonly #told = new Set<string>();
  #timer: Timer | undefined;

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  /** @returns a function that ends it; idempotent */
  watch(userIds: readonly string[]): () => void {
    const ids = new Set(userIds);
    for (const id of ids) this.#wanted.set(id, (this.#wanted.get(id) ?? 0) + 1);
    this.refresh();
    return () => {
      for (const id of ids) this.#release(id);
      ids.clear();
      this.refresh();
    };
  }

  /** Nothing of what was told counts: another connection is in use, or the gateway did not act on it. */
  restart(afterMs = GATHER_MS): void {
    this.#told.clear();
    this.refresh(afterMs);
  }

  /** The gateway stops watching whom the user does not see any more. */
  removed(userIds: readonly string[]): void {
    for (const userId of userIds) this.#told.delete(userId);
  }

  /** Tells the gateway soon what has changed. */
  refresh(afterMs = GATHER_MS): void {
    if (this.#wanted.size === 0 && this.#told.size === 0) return;
    this.#timer ??= this.#options.clock.after(afterMs, () => this.#tell());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#told.clear();
  }

  #release(userId: string): void {
    const others = (this.#wanted.get(userId) ?? 0) - 1;
    if (others > 0) this.#wanted.set(userId, others);
    else this.#wanted.delete(userId);
  }

  #tell(): void {
    this.#timer = undefined;
    const due = this.#due();
    const over = [...this.#told].filter((userId) => !due.has(userId));
    for (const userIds of chunks(over)) {
      if (!this.#options.send({ unwatch: { userIds } })) return;
      for (const userId of userIds) this.#told.delete(userId);
    }
    const fresh = [...due].filter((userId) => !this.#told.has(userId));
    for (const userIds of chunks(fresh)) {
      if (!this.#options.send({ watch: { userIds } })) return;
      for (const userId of userIds) this.#told.add(userId);
    }
  }

  #due(): ReadonlySet<string> {
    const pulled = [...this.#wanted.keys()].filter((userId) => this.#options.isPulled(userId));
    return new Set(pulled.slice(0, MAX_WATCHED));
  }
}

function* chunks(userIds: readonly string[]): Iterable<string[]> {
  for (let from = 0; from < userIds.length; from += MAX_IDS_A_FRAME) {
    yield userIds.slice(from, from + MAX_IDS_A_FRAME);
  }
}
