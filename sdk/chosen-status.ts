/**
 * The status the user chose. The protocol confirms no choice, it only refuses one; so a choice is a wish until nothing
 * has been said against it for a while, and is told again to a session that does not know it.
 */
import type { Clock, Timer } from './clock.ts';
import type { ClientFrame } from './frames.ts';

/** `INVISIBLE` shows as OFFLINE to everyone else. */
export type Choice = 'ONLINE' | 'AWAY' | 'BUSY' | 'INVISIBLE';

export interface ChosenStatusOptions {
  readonly clock: Clock;
  /** False when there is no session to tell. */
  readonly send: (frame: ClientFrame) => boolean;
}

interface Wish {
  /** Undefined: the choice is taken back. */
  readonly choice: Choice | undefined;
  sentAtMs: number | undefined;
}

/** The gateway refuses a choice sooner than that, if at all; and what it answers then was sent after the choice. */
const CONFIRMED_AFTER_MS = 10_000;
const RETRY_MS = 2000;
const CHOICES: ReadonlySet<string | undefined> = new Set(['ONLINE', 'AWAY', 'BUSY', 'INVISIBLE']);

export class ChosenStatus {
  readonly #options: ChosenStatusOptions;
  #current: Choice | undefined;
  #wish: Wish | undefined;
  #retry: Timer | undefined;

  constructor(options: ChosenStatusOptions) {
    this.#options = options;
  }

  /** The choice in force, as far as is known here; undefined: the status follows activity. */
  get current(): Choice | undefined {
    return this.#current;
  }

  choose(choice: Choice | undefined): void {
    if (choice !== undefined && !CHOICES.has(choice)) {
      const names = 'ONLINE, AWAY, BUSY or INVISIBLE';
      throw new TypeError(`setStatus: ${choice} cannot be chosen; choose ${names}`);
    }
    this.#current = choice;
    this.#wish = { choice, sentAtMs: undefined };
    this.#tell();
  }

  /** A session was opened; the gateway says which choice is in force. */
  welcomed(status: string | undefined): void {
    const chosen = choiceOf(status);
    if (this.#wish?.choice === chosen) this.#wish = undefined;
    if (this.#wish) this.#tell();
    else this.#current = chosen;
  }

  /** A heartbeat was answered. */
  answered(): void {
    const sinceMs = this.#options.clock.monotonic() - (this.#wish?.sentAtMs ?? Infinity);
    if (sinceMs >= CONFIRMED_AFTER_MS) this.#wish = undefined;
  }

  /** Something that was sent was refused: maybe the choice. */
  refused(code: string): void {
    if (!this.#wish) return;
    if (code !== 'ERROR_CODE_UNAVAILABLE' && code !== 'ERROR_CODE_RATE') return;
    this.#wish.sentAtMs = undefined;
    this.#retry?.cancel();
    this.#retry = this.#options.clock.after(RETRY_MS, () => this.#tell());
  }

  stop(): void {
    this.#retry?.cancel();
  }

  #tell(): void {
    const { clock, send } = this.#options;
    if (!this.#wish) return;
    const { choice } = this.#wish;
    const frame = { setStatus: choice ? { status: `STATUS_${choice}` } : {} };
    if (send(frame)) this.#wish.sentAtMs = clock.monotonic();
  }
}

function choiceOf(status: string | undefined): Choice | undefined {
  const name = status?.replace('STATUS_', '');
  return CHOICES.has(name) ? (name as Choice) : undefined;
}
