/** Server-sent events, for those who have no WebSocket: the same frames in JSON, and the gateway beats for them. */
import type { Clock } from '../../lib/clock.ts';
import type { CloseCode } from '../protocol/close-codes.ts';
import type { Doorway, Visitor } from '../door/doorway.ts';
import { JSON_TEXT } from '../protocol/frames.ts';
import type { Sink } from '../sessions/sink.ts';
import type {
  HttpAnswer,
  HttpRequest,
  HttpStream,
  StreamAnswer,
  StreamListener,
} from '../server/socket-server.ts';

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // Proxies that buffer would keep events back.
  'x-accel-buffering': 'no',
};
/** A comment now and then finds connections that are dead, and keeps proxies from closing idle ones. */
const COMMENT_INTERVAL_MS = 10_000;
const COMMENT = ':\n\n';

export interface SseOptions {
  readonly doorway: Doorway;
  readonly clock: Clock;
}

export async function answerEvents(
  request: HttpRequest,
  { doorway, clock }: SseOptions,
): Promise<StreamAnswer | HttpAnswer> {
  const visitor = await doorway.admit(request);
  if ('body' in visitor) return visitor;
  return {
    status: 200,
    headers: HEADERS,
    open: (stream) => connect(stream, visitor, doorway, clock),
  };
}

function connect(
  stream: HttpStream,
  visitor: Visitor,
  doorway: Doorway,
  clock: Clock,
): StreamListener {
  stream.write(COMMENT);
  const { sink, drained } = createEventSink(stream);
  const session = doorway.enter(visitor, sink, { beatsItself: true });
  const comments = clock.every(COMMENT_INTERVAL_MS, () => {
    stream.cork(() => stream.write(COMMENT));
  });
  return {
    onDrain: () => {
      drained();
      session.outlet.drained();
    },
    onClose: () => {
      comments.cancel();
      session.connectionClosed();
    },
  };
}

function createEventSink(stream: HttpStream): { sink: Sink; drained: () => void } {
  let hasRoom = true;
  const sink: Sink = {
    codec: JSON_TEXT,
    send(frame, n) {
      const data = Buffer.from(JSON_TEXT.stamp(frame, n)).toString();
      stream.cork(() => {
        hasRoom = stream.write(`event: ${frame.event}\nid: ${n}\ndata: ${data}\n\n`) && hasRoom;
      });
      return hasRoom;
    },
    // It sends no heartbeats.
    ack: () => undefined,
    hasRoom: () => hasRoom,
    cork: (task) => stream.cork(task),
    close(code) {
      stream.cork(() => stream.write(farewell(code)));
      stream.end();
    },
  };
  return { sink, drained: () => (hasRoom = true) };
}

/** HTTP has no close code; this event carries it. */
function farewell({ code, reason, mayReconnect }: CloseCode): string {
  return `event: close\ndata: ${JSON.stringify({ code, reason, mayReconnect })}\n\n`;
}
