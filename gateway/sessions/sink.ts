/** Where the frames of one connection go: a WebSocket here, a stream of server-sent events in sse.ts. */
import type { CloseCode } from '../protocol/close-codes.ts';
import type { FrameCodec } from '../protocol/frames.ts';
import type { EncodedFrame } from '../protocol/server-frames.ts';
import type { Socket } from '../server/socket-server.ts';

export interface Sink {
  readonly codec: FrameCodec;
  /** Sends one frame. Returns false when the client does not keep up: send no more until it has. */
  send(frame: EncodedFrame, n: number): boolean;
  /** Answers a heartbeat. */
  ack(n: number): void;
  /** True when there is room again after a `send` that returned false. */
  hasRoom(): boolean;
  /** Sends what `task` sends in as few system calls as possible. */
  cork(task: () => void): void;
  close(code: CloseCode): void;
}

/** Bytes in memory for one socket beyond which only the newest of each subject is kept. */
const MAX_BUFFERED_BYTES = 64 * 1024;

export class SocketSink implements Sink {
  readonly codec: FrameCodec;
  readonly #socket: Socket;

  constructor(socket: Socket, codec: FrameCodec) {
    this.#socket = socket;
    this.codec = codec;
  }

  send(frame: EncodedFrame, n: number): boolean {
    const { codec } = this;
    return this.#socket.send(codec.stamp(frame, n), codec.isBinary) || this.hasRoom();
  }

  ack(n: number): void {
    this.#socket.send(this.codec.ack(n), this.codec.isBinary);
  }

  hasRoom(): boolean {
    return this.#socket.bufferedBytes() <= MAX_BUFFERED_BYTES;
  }

  cork(task: () => void): void {
    this.#socket.cork(task);
  }

  close({ code, reason }: CloseCode): void {
    this.#socket.end(code, reason);
  }
}
