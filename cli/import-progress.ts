import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  /** Nobody serves there yet. */
  waiting(where: string): void;
  start(total: number): void;
  /** So many edges are on their way to the service. */
  sent(edges: number): void;
  /** Idempotent. */
  end(): void;
}

/** A bar on a terminal, a few plain lines elsewhere. */
export function createProgress(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? createBar(stream) : createLines(stream);
}

function createBar(stream: NodeJS.WriteStream): Progress {
  const format = '{phase} [{bar}] {value}/{total} edges, {duration_formatted}';
  const waiting = waitingLine(stream);
  const bar = new SingleBar({ format, stream, hideCursor: true }, Presets.shades_grey);
  let total = 0;
  return {
    waiting,
    start(edges) {
      total = edges;
      bar.start(edges, 0, { phase: 'sending' });
    },
    sent: (edges) => bar.update(edges, { phase: edges < total ? 'sending' : 'storing' }),
    end: () => bar.stop(),
  };
}

function createLines(stream: NodeJS.WritableStream): Progress {
  let total = 0;
  let tenths = 0;
  return {
    waiting: waitingLine(stream),
    start(edges) {
      total = edges;
      stream.write(`checked ${edges} ${edges === 1 ? 'edge' : 'edges'}, sending\n`);
    },
    sent(edges) {
      const reached = Math.floor((edges / total) * 10);
      if (reached > tenths) stream.write(`sent ${edges} of ${total} edges\n`);
      tenths = reached;
    },
    end: () => undefined,
  };
}

const waitingLine = (stream: NodeJS.WritableStream) => (where: string) =>
  void stream.write(`waiting for a graph process at ${where}\n`);
