/** All that one client sends: counted, decoded, acted upon. */
import { ErrorCode } from '../gen/edge/v1/frames.ts';
import type { Clock } from '../lib/clock.ts';
import type { ClientMessage } from './client-frames.ts';
import { CLOSE } from './close-codes.ts';
import { badFrame, FrameError } from './frame-error.ts';
import type { FrameCodec } from './frames.ts';
import type { Session } from './session.ts';
import { TokenBucket, type RateLimit } from './token-bucket.ts';
import type { Watches } from './watches.ts';

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

export class Inbox {
  readonly #options: InboxOptions;
  readonly #bucket: TokenBucket;
  readonly #badAtMs: number[] = [];
  #isOverRate = false;

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#bucket = new TokenBucket(options.rate, options.clock.monotonic());
  }

  receive(bytes: Uint8Array, isBinary: boolean): void {
    const { codec, session } = this.#options;
    const nowMs = this.#options.clock.monotonic();
    if (!this.#isWithinRate(nowMs)) return;
    const activity = isBinary === codec.isBinary ? codec.readHeartbeat(bytes) : undefined;
    if (activity !== undefined) session.beat(activity, nowMs);
    else this.#receiveAny(bytes, isBinary, nowMs);
  }

  #isWithinRate(nowMs: number): boolean {
    const verdict = this.#bucket.take(nowMs);
    if (verdict === 'ok') {
      this.#isOverRate = false;
      return true;
    }
    const { session, rate } = this.#options;
    if (verdict === 'flood') session.close(CLOSE.rate);
    else if (!this.#isOverRate) {
      const limit = `${rate.perSecond} frames a second, ${rate.burst} at once`;
      session.refuse(ErrorCode.ERROR_CODE_RATE, `too many frames: no more than ${limit}`);
    }
    this.#isOverRate = true;
    return false;
  }

  #receiveAny(bytes: Uint8Array, isBinary: boolean, nowMs: number): void {
    try {
      this.#act(this.#decode(bytes, isBinary), nowMs);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#options.session.refuse(error.code, error.message);
      this.#countBad(nowMs);
    }
  }

  #decode(bytes: Uint8Array, isBinary: boolean): ClientMessage {
    const { codec } = this.#options;
    if (bytes.length > MAX_FRAME_BYTES) {
      const message = `a frame of ${bytes.length} bytes; at most ${MAX_FRAME_BYTES} are read`;
      throw new FrameError(ErrorCode.ERROR_CODE_TOO_LARGE, message);
    }
    if (isBinary !== codec.isBinary) {
      const wanted = codec.isBinary ? 'binary' : 'text';
      throw badFrame(`this connection speaks ${codec.subprotocol}: send ${wanted} messages`);
    }
    return codec.decode(bytes);
  }

  #act(message: ClientMessage, nowMs: number): void {
    const { session, watches } = this.#options;
    switch (message.$case) {
      case 'heartbeat':
        return session.beat(message.value.activity, nowMs);
      case 'setStatus':
        return session.choose(message.value.status);
      case 'watch':
        return watches.watch(session, message.value.userIds);
      case 'unwatch':
        return watches.unwatch(session, message.value.userIds);
      case 'resync':
        return session.resync();
      case 'logout':
        return session.logout();
    }
  }

  #countBad(nowMs: number): void {
    this.#badAtMs.push(nowMs);
    while ((this.#badAtMs[0] ?? nowMs) < nowMs - BAD_FRAMES_WITHIN_MS) this.#badAtMs.shift();
    if (this.#badAtMs.length >= MAX_BAD_FRAMES) this.#options.session.close(CLOSE.badFrames);
  }
}
