import type { Logger } from './logger.ts';

/** What keeps a part from serving, told as it is: each upstream has a name and, while it fails, a problem in words. */
export interface Readiness {
  /** Sets (a text) or clears (undefined) what is wrong with one upstream. */
  set(upstream: string, problem: string | undefined): void;
  /** Problems of all upstreams, in words; ready when empty. */
  problems(): readonly string[];
  /** Names of the upstreams that fail, for those who must not see more. */
  failing(): readonly string[];
  isReady(): boolean;
  /** Called whenever ready turns to not ready or back, and once at once. Returns the way to stop it. */
  watch(listener: (ready: boolean) => void): () => void;
}

/** Starts not ready: every upstream named waits until it is cleared. */
export function createReadiness(upstreams: readonly string[]): Readiness {
  const problemOf = new Map(upstreams.map((name) => [name, `${name}: not reached yet`]));
  const listeners = new Set<(ready: boolean) => void>();
  const isReady = (): boolean => problemOf.size === 0;
  return {
    set(upstream, problem) {
      const before = isReady();
      if (problem === undefined) problemOf.delete(upstream);
      else problemOf.set(upstream, `${upstream}: ${problem}`);
      if (before !== isReady()) for (const listener of listeners) listener(isReady());
    },
    problems: () => [...problemOf.values()],
    failing: () => [...problemOf.keys()],
    isReady,
    watch(listener) {
      listeners.add(listener);
      listener(isReady());
      return () => listeners.delete(listener);
    },
  };
}

/** The same; each turn of an upstream is logged, since strangers are not told why it fails. */
export function logTurns(readiness: Readiness, logger: Logger): Readiness {
  const failing = new Set<string>();
  return {
    ...readiness,
    set(upstream, problem) {
      readiness.set(upstream, problem);
      if (problem === undefined) {
        if (failing.delete(upstream)) logger.info({ upstream }, 'upstream answers again');
      } else if (!failing.has(upstream)) {
        failing.add(upstream);
        logger.warn({ upstream, problem }, 'upstream fails');
      }
    },
  };
}

/** Body of /readyz. */
export function readinessReport(problems: readonly string[]): string {
  return JSON.stringify({ ready: problems.length === 0, problems });
}

/** What strangers are told of an upstream that fails: which one it is, and no address. */
export const withoutDetail = (upstream: string): string =>
  `${upstream}: not working; the log says why`;
