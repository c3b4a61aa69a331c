/**
 * Whether the servers of the store are set up as they must be: at the start, and whenever one joins. Until it is so for
 * the first time, the part serves but is not ready. A server that joins later with a wrong setting takes nobody out of
 * service: it is told, with the command that mends it.
 */
import type { Clock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Readiness } from '../lib/readiness.ts';
import { retry } from '../lib/retry.ts';
import type { PresenceStore } from '../store/presence-store.ts';

export interface SettingsCheckOptions {
  readonly store: Pick<PresenceStore, 'checkSettings' | 'onServer'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly readiness: Readiness;
}

const BACKOFF = { baseMs: 200, maxMs: 2000 };

export function watchSettings(options: SettingsCheckOptions): Disposable {
  const { store, readiness } = options;
  const stopping = new AbortController();
  let isGood = false;
  let isRunning = false;
  let joined = 0;
  const check = async (): Promise<void> => {
    isRunning = true;
    let checked: number;
    do {
      checked = joined;
      const onProblem = (problem: string): void => {
        if (!isGood) readiness.set('redis settings', problem);
      };
      await untilGood(options, onProblem, stopping.signal);
      if (stopping.signal.aborted) return;
      isGood = true;
      readiness.set('redis settings', undefined);
    } while (joined !== checked);
    isRunning = false;
  };
  const joining = store.onServer(() => {
    joined++;
    if (!isRunning) void check();
  });
  void check();
  return {
    [Symbol.dispose]() {
      joining[Symbol.dispose]();
      stopping.abort();
    },
  };
}

/** Resolves when all is well, or by the signal. Each problem is logged once, and that it is mended. */
async function untilGood(
  { store, clock, logger }: SettingsCheckOptions,
  onProblem: (problem: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let logged: string | undefined;
  const onFailure = (error: unknown): void => {
    const problem = messageOf(error);
    if (problem !== logged) logger.error(problem);
    logged = problem;
    onProblem(problem);
  };
  try {
    await retry(() => store.checkSettings(), { clock, signal, backoff: BACKOFF, onFailure });
    if (logged !== undefined) logger.info('Redis is set up as it must be');
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
