/** Collects the parts of a snapshot. */
import type { Presence } from './presence.ts';

export class SnapshotParts {
  #parts: Presence[] | undefined;
  #isTorn = false;

  /** A frame is missing. It may have been a part, and half a snapshot would make people disappear. */
  tear(): void {
    if (this.#parts) this.#isTorn = true;
  }

  /** Whatever was collected, a new snapshot begins. */
  restart(): void {
    this.#parts = undefined;
    this.#isTorn = false;
  }

  /** The whole of it once the last part is there; nothing if a part is missing. */
  add(presences: readonly Presence[], isLast: boolean): readonly Presence[] | undefined {
    this.#parts = [...(this.#parts ?? []), ...presences];
    if (!isLast) return undefined;
    const whole = this.#isTorn ? undefined : this.#parts;
    this.restart();
    return whole;
  }
}
