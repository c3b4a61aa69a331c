/**
 * All that one client sends: counted, decoded, acted upon.
 *
 * Nearly all of it is heartbeats, and what a heartbeat costs here is mostly memory that is not in the processor's
 * cache. So the way of a heartbeat touches few objects, makes none but the view of its bytes, and counts in whole
 * milliseconds, which V8 keeps inside the object.
 */
import { ErrorCode } from '../../gen/edge/v1/frames.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ClientMessage } from '../protocol/client-frames.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { badFrame, FrameError } from '../protocol/frame-error.ts';
import { countFrame, verdictOn, type RateLimit, type Verdict } from '../limits/frame-rate.ts';
import type { FrameCodec } from '../protocol/frames.ts';
import type { Session } from '../sessions/session.ts';
import type { SocketListener } from '../server/socket-server.ts';
import type { Watches } from '../sessions/watches.ts';

export interface InboxOptions {
  readonly session: Session;
  readonly codec: FrameCodec;
  readonly watches: Watches;
  readonly rate: RateLimit;
  readonly clock: Clock;
}

export const MAX_FRAME_BYTES = 16 * 1024;
/** So many bad frames within a minute close the connection. */
const MAX_BAD_FRAMES = 3;
const BAD_FRAMES_WITHIN_MS = 60_000;
const TELL_RATE_EVERY_MS = 1000;

export class Inbox implements SocketListener {
  readonly #session: Session;
  readonly #codec: FrameCodec;
  readonly #watches: Watches;
  readonly #rate: RateLimit;
  readonly #clock: Clock;
  #paidUntilMs = 0;
  /** Until then the client has been told that it sends too much. */
  #toldUntilMs = 0;
  #badAtMs: readonly number[] = [];

  constructor({ session, codec, watches, rate, clock }: InboxOptions) {
    this.#session = session;
    this.#codec = codec;
    this.#watches = watches;
    this.#rate = rate;
    this.#clock = clock;
  }

  onMessage(bytes: Uint8Array, isBinary: boolean): void {
    const nowMs = Math.trunc(this.#clock.monotonic());
    if (!this.#isWithinRate(nowMs)) return;
    const isExpected = isBinary === this.#codec.isBinary;
    const activity = isExpected ? this.#codec.readHeartbeat(bytes) : undefined;
    if (activity !== undefined) this.#session.beat(activity, nowMs);
    else this.#receiveAny(bytes, isBinary, nowMs);
  }

  /** Answered already; but whoever sends them all the time and never reads would be sent ever more. */
  onPing(): void {
    this.#isWithinRate(Math.trunc(this.#clock.monotonic()));
  }

  onDrain(): void {
    this.#session.outlet.drained();
  }

  onClose(): void {
    this.#session.connectionClosed();
  }

  /** Counts one more frame. */
  #isWithinRate(nowMs: number): boolean {
    this.#paidUntilMs = countFrame(this.#paidUntilMs, nowMs, this.#rate);
    const verdict = verdictOn(this.#paidUntilMs, nowMs, this.#rate);
    if (verdict === 'ok') return true;
    this.#overRate(verdict, nowMs);
    return false;
  }

  #overRate(verdict: Verdict, nowMs: number): void {
    if (verdict === 'flood') return this.#session.close(CLOSE.rate);
    if (nowMs < this.#toldUntilMs) return;
    this.#toldUntilMs = nowMs + TELL_RATE_EVERY_MS;
    const { perSecond, burst } = this.#rate;
    const limit = `${perSecond} frames a second, ${burst} at once`;
    this.#session.refuse(ErrorCode.ERROR_CODE_RATE, `too many frames: no more than ${limit}`);
  }

  #receiveAny(bytes: Uint8Array, isBinary: boolean, nowMs: number): void {
    try {
      this.#act(this.#decode(bytes, isBinary), nowMs);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#session.refuse(error.code, error.message);
      this.#countBad(nowMs);
    }
  }

  #decode(bytes: Uint8Array, isBinary: boolean): ClientMessage {
    const { isBinary: isWanted, subprotocol, decode } = this.#codec;
    if (bytes.length > MAX_FRAME_BYTES) {
      const message = `a frame of ${bytes.length} bytes; at most ${MAX_FRAME_BYTES} are read`;
      throw new FrameError(ErrorCode.ERROR_CODE_TOO_LARGE, message);
    }
    if (isBinary !== isWanted) {
      const wanted = isWanted ? 'binary' : 'text';
      throw badFrame(`this connection speaks ${subprotocol}: send ${wanted} messages`);
    }
    return decode(bytes);
  }

  #act(message: ClientMessage, nowMs: number): void {
    const session = this.#session;
    switch (message.$case) {
      case 'heartbeat':
        return session.beat(message.value.activity, nowMs);
      case 'setStatus':
        return session.choose(message.value.status);
      case 'watch':
        return this.#watches.watch(session, message.value.userIds);
      case 'unwatch':
        return this.#watches.unwatch(session, message.value.userIds);
      case 'resync':
        return session.resync();
      case 'logout':
        return session.logout();
    }
  }

  #countBad(nowMs: number): void {
    const recent = this.#badAtMs.filter((atMs) => atMs >= nowMs - BAD_FRAMES_WITHIN_MS);
    this.#badAtMs = [...recent, nowMs];
    if (this.#badAtMs.length >= MAX_BAD_FRAMES) this.#session.close(CLOSE.badFrames);
  }
}
