/** What keeps a part from serving, told as it is: each upstream has a name and, while it fails, a problem in words. */
export interface Readiness {
  /** Sets (a text) or clears (undefined) what is wrong with one upstream. */
  set(upstream: string, problem: string | undefined): void;
  /** Problems of all upstreams, in words; ready when empty. */
  problems(): readonly string[];
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
    isReady,
    watch(listener) {
      listeners.add(listener);
      listener(isReady());
      return () => listeners.delete(listener);
    },
  };
}
