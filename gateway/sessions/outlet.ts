/**
 * All that one client is sent: numbers the frames, holds back what must come after a snapshot, and keeps only the
 * newest of each subject for a client that does not keep up.
 */
import type { Clock } from '../../lib/clock.ts';
import { Backlog } from './backlog.ts';
import type { CloseCode } from '../protocol/close-codes.ts';
import { SharedFrame } from '../protocol/frames.ts';
import type { ServerMessage } from '../protocol/server-frames.ts';
import type { Sink } from './sink.ts';
import type { SubjectChange } from '../protocol/subject-change.ts';

export class Outlet {
  readonly #sink: Sink;
  readonly #clock: Clock;
  readonly #onConflated: () => void;
  readonly #backlog = new Backlog();
  /** Number of the last frame. */
  #n = 0;
  /** What is delivered waits: a snapshot is being read or sent. */
  #isHolding = true;
  /** Parts of the snapshot still to be sent. */
  #parts: SharedFrame[] = [];
  #onSnapshotSent: (() => void) | undefined;
  #slowSinceMs: number | undefined;

  /** @param onConflated of two changes of a subject that waited, only the newer is sent. */
  constructor(sink: Sink, clock: Clock, onConflated: () => void) {
    this.#sink = sink;
    this.#clock = clock;
    this.#onConflated = onConflated;
  }

  /** A change of a subject: at once when the client keeps up and nothing must come before it. */
  deliver(change: SubjectChange): void {
    if (this.#isHolding || this.#slowSinceMs !== undefined) {
      if (this.#backlog.put(change)) this.#onConflated();
    } else {
      this.#sendShared(change.frame);
    }
  }

  /** A frame that neither waits nor is dropped; the caller sees to it that there are few. */
  send(message: ServerMessage): void {
    this.#write(this.#sink.send(this.#sink.codec.encode(message), ++this.#n));
  }

  /** Answers a heartbeat, unless the client does not read answers anyway. */
  ack(): void {
    if (this.#slowSinceMs === undefined) this.#sink.ack(this.#n);
  }

  /** From now until the next snapshot is sent, what is delivered waits. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Sends the snapshot, then what was held back. Resolves when the last part is out; never, if the client is gone. */
  sendSnapshot(welcome: ServerMessage | undefined, frames: readonly SharedFrame[]): Promise<void> {
    return new Promise((resolve) => {
      this.#onSnapshotSent = resolve;
      this.#parts = welcome ? [new SharedFrame(welcome), ...frames] : [...frames];
      this.#proceed();
    });
  }

  /** The client has read some of what waited for it. */
  drained(): void {
    if (this.#slowSinceMs === undefined || !this.#sink.hasRoom()) return;
    this.#slowSinceMs = undefined;
    this.#proceed();
  }

  /** How long the client has not kept up, ms; looked at now, since pongs make it slow too. */
  slowForMs(): number {
    this.#write(this.#sink.hasRoom());
    return this.#slowSinceMs === undefined ? 0 : this.#clock.monotonic() - this.#slowSinceMs;
  }

  close(code: CloseCode): void {
    this.#sink.close(code);
  }

  #sendShared(frame: SharedFrame): void {
    this.#write(this.#sink.send(frame.in(this.#sink.codec), ++this.#n));
  }

  #write(keepsUp: boolean): void {
    if (!keepsUp) this.#slowSinceMs ??= this.#clock.monotonic();
  }

  #proceed(): void {
    this.#sink.cork(() => {
      this.#sendParts();
      if (this.#parts.length > 0) return;
      this.#finishSnapshot();
      if (!this.#isHolding) this.#flushBacklog();
    });
  }

  #sendParts(): void {
    while (this.#slowSinceMs === undefined) {
      const part = this.#parts.shift();
      if (!part) return;
      this.#sendShared(part);
    }
  }

  #finishSnapshot(): void {
    if (!this.#onSnapshotSent) return;
    this.#isHolding = false;
    this.#onSnapshotSent();
    this.#onSnapshotSent = undefined;
  }

  #flushBacklog(): void {
    while (this.#slowSinceMs === undefined && this.#backlog.size > 0) {
      for (const message of this.#backlog.take()) this.send(message);
    }
  }
}
