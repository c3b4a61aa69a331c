/** The state of one upstream as its callers meet it: told to readiness, and logged when it turns, not at every call. */
import { messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Readiness } from '../lib/readiness.ts';

export interface Upstream {
  /**
   * A call failed. @param what the thing that failed, when an upstream can fail in parts: it is well again when all
   * of them are.
   */
  failed(error: unknown, what?: string): void;
  /** A call went through. */
  worked(what?: string): void;
}

export interface UpstreamOptions {
  /** As in readiness. */
  readonly name: string;
  readonly readiness: Readiness;
  readonly logger: Logger;
}

/** UNKNOWN until the first call is over, so that the first failure is logged too. */
type State = 'UNKNOWN' | 'WELL' | 'FAILING';

export function createUpstream({ name, readiness, logger }: UpstreamOptions): Upstream {
  let state: State = 'UNKNOWN';
  const failing = new Set<string>();
  return {
    failed(error, what = '') {
      const problem = messageOf(error);
      failing.add(what);
      readiness.set(name, problem);
      if (state !== 'FAILING') logger.warn({ upstream: name, problem }, 'upstream fails');
      state = 'FAILING';
    },
    worked(what = '') {
      if (state === 'WELL') return;
      failing.delete(what);
      if (failing.size > 0) return;
      state = 'WELL';
      readiness.set(name, undefined);
      logger.info({ upstream: name }, 'upstream answers');
    },
  };
}
