/** A request to become a WebSocket: subprotocol agreed, then a session. */
import type { Clock } from '../../lib/clock.ts';
import { CODECS, JSON_TEXT, type FrameCodec } from '../protocol/frames.ts';
import type { Doorway, Visitor } from './doorway.ts';
import type { RateLimit } from '../limits/frame-rate.ts';
import { refusal } from '../server/http-answers.ts';
import { Inbox } from './inbox.ts';
import { SocketSink } from '../sessions/sink.ts';
import type {
  HttpAnswer,
  HttpRequest,
  Socket,
  SocketListener,
  UpgradeAnswer,
} from '../server/socket-server.ts';
import type { Watches } from '../sessions/watches.ts';

export interface UpgradeOptions {
  readonly doorway: Doorway;
  readonly watches: Watches;
  readonly rate: RateLimit;
  readonly clock: Clock;
}

export async function answerUpgrade(
  request: HttpRequest,
  options: UpgradeOptions,
): Promise<UpgradeAnswer | HttpAnswer> {
  const asked = subprotocolsOf(request);
  const codec = codecFor(asked);
  if (!codec) {
    const known = CODECS.map(({ subprotocol }) => subprotocol).join(' or ');
    return refusal(400, `no subprotocol of ${asked.join(', ')} is spoken here; ask for ${known}`);
  }
  const visitor = await options.doorway.admit(request);
  if ('body' in visitor) return visitor;
  return {
    subprotocol: asked.length > 0 ? codec.subprotocol : undefined,
    open: (socket) => connect(socket, codec, visitor, options),
  };
}

function subprotocolsOf(request: HttpRequest): string[] {
  const names = request.header('sec-websocket-protocol').split(',');
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

/** The first one known, in the client's order; JSON for a client that asks for none. */
function codecFor(asked: readonly string[]): FrameCodec | undefined {
  if (asked.length === 0) return JSON_TEXT;
  return asked.flatMap((name) => CODECS.filter(({ subprotocol }) => subprotocol === name))[0];
}

function connect(
  socket: Socket,
  codec: FrameCodec,
  visitor: Visitor,
  options: UpgradeOptions,
): SocketListener {
  const sink = new SocketSink(socket, codec);
  const session = options.doorway.enter(visitor, sink, { beatsItself: false });
  return new Inbox({ ...options, session, codec });
}
