/** Cheap questions to a server that may not be there yet: each is one try, bounded in time. */
import { connect } from 'node:net';

const TRY_MS = 1_000;

/** Sends `question` and expects an answer that begins with `expected`. */
export function probeTcp(port: number, question: string, expected: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: TRY_MS });
    const finish = (problem?: Error): void => {
      socket.destroy();
      if (problem) reject(problem);
      else resolve();
    };
    socket.once('connect', () => socket.write(question));
    socket.once('timeout', () => finish(new Error(`no answer on port ${port}`)));
    socket.once('error', finish);
    socket.once('data', (answer) => {
      const text = answer.toString('latin1');
      finish(text.startsWith(expected) ? undefined : new Error(`answers ${text.trim()}`));
    });
  });
}

/** Expects a success. */
export async function probeHttp(url: string): Promise<void> {
  const signal = AbortSignal.timeout(TRY_MS);
  const response = await fetch(url, { headers: { connection: 'close' }, signal }).catch(
    (error: unknown) => {
      // `fetch failed` says nothing; why it did is its cause.
      throw error instanceof Error && error.cause instanceof Error ? error.cause : error;
    },
  );
  const body = await response.text();
  if (!response.ok) throw new Error(`answers ${response.status}: ${body.slice(0, 200)}`);
}

/** Whether anything accepts connections on the port. */
export function isPortTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: TRY_MS });
    const finish = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => finish(true));
    socket.once('timeout', () => finish(true));
    socket.once('error', () => finish(false));
  });
}
