/** Where the frames of one connection go: a WebSocket here, a stream of server-sent events in sse.ts. */
import type { CloseCode } from './close-codes.ts';
import type { FrameCodec } from './frames.ts';
import type { EncodedFrame } from './server-frames.ts';
import type { Socket } from './socket-server.ts';

export interface Sink {
  readonly codec: FrameCodec;
  /** Sends one frame. Returns false when the client does not keep up: send no more until it has. */
  send(frame: EncodedFrame, n: number): boolean;
  /** True when there is room again after a `send` that returned false. */
  hasRoom(): boolean;
  /** Sends what `task` sends in as few system calls as possible. */
  cork(task: () => void): void;
  close(code: CloseCode): void;
}

/** Bytes in memory for one socket beyond which only the newest of each subject is kept. */
const MAX_BUFFERED_BYTES = 64 * 1024;

export function createSocketSink(socket: Socket, codec: FrameCodec): Sink {
  const hasRoom = (): boolean => socket.bufferedBytes() <= MAX_BUFFERED_BYTES;
  return {
    codec,
    send: (frame, n) => socket.send(codec.stamp(frame, n), codec.isBinary) || hasRoom(),
    hasRoom,
    cork: (task) => socket.cork(task),
    close: ({ code, reason }) => socket.end(code, reason),
  };
}
