/**
 * Runs tasks for many parties of whom some may hang, so that they delay none but themselves. A party has so many places
 * and no more. A task that outlasts patience goes on, but gives its place back, and its party is shut: what comes for
 * it is turned away. After a while one task at a time finds out whether it hangs still.
 */
import type { Clock } from './clock.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import { backoffMs, type Backoff } from './retry.ts';

export interface FairLimiterOptions {
  readonly clock: Clock;
  /** Places of all parties together. */
  readonly places: number;
  /** Of them, what one party may have. */
  readonly placesEach: number;
  /** Longest that a task keeps its place, ms. */
  readonly patienceMs: number;
  /** For how long a party is shut, by how often it was since a task of it was quick. */
  readonly shut: Backoff;
}

/** How a task stands when nobody needs to wait for its place any more. */
export type Begun<T> =
  | { readonly kind: 'BEGUN'; readonly result: Promise<T> }
  /** It was not run; it may be after so long, ms. */
  | { readonly kind: 'SHUT'; readonly forMs: number };

export interface FairLimiter {
  /** Resolves when the task is done, or has outlasted patience, or is turned away. */
  run<T>(party: string, task: () => Promise<T>): Promise<Begun<T>>;
}

export function createFairLimiter(options: FairLimiterOptions): FairLimiter {
  const parties = new Map<string, Party>();
  const all = createLimiter(options.places);
  return {
    run(name, task) {
      const party = parties.get(name) ?? createParty(options, all);
      // In the order of use, so that the first ones are those to forget.
      parties.delete(name);
      parties.set(name, party);
      const running = party.take(task);
      for (const [oldest, { isForgettable }] of parties) {
        if (!isForgettable()) break;
        parties.delete(oldest);
      }
      return running;
    },
  };
}

/** One that is slow once is not shut, if so many were quick before: everybody is slow at times. */
const QUICK_FOR_ONE_SLOW = 10;
const MOST_FORGIVEN = 2;

interface Party {
  /** In its turn, among those of this party and among all. */
  take<T>(task: () => Promise<T>): Promise<Begun<T>>;
  /** Nothing is known of it that still matters. */
  isForgettable(): boolean;
}

function createParty(options: FairLimiterOptions, all: Limiter): Party {
  const { clock, placesEach, patienceMs, shut } = options;
  const inTurn = createLimiter(placesEach);
  let [present, running] = [0, 0];
  /** Quick ones to forgive slow ones for. */
  let credit = 0;
  let timesShut = 0;
  let shutUntilMs = -Infinity;
  let usedAtMs = clock.monotonic();

  const refusal = (): Begun<never> | undefined => {
    const shutMs = shutUntilMs - clock.monotonic();
    if (shutMs > 0) return { kind: 'SHUT', forMs: shutMs };
    return timesShut > 0 && running > 0 ? { kind: 'SHUT', forMs: patienceMs } : undefined;
  };
  const wasQuick = (): void => {
    credit = Math.min(credit + 1, MOST_FORGIVEN * QUICK_FOR_ONE_SLOW);
    if (clock.monotonic() >= shutUntilMs) timesShut = 0;
  };
  const wasSlow = (): void => {
    credit -= QUICK_FOR_ONE_SLOW;
    if (credit >= 0) return;
    credit = 0;
    // Those that hang together are one hang.
    if (clock.monotonic() >= shutUntilMs)
      shutUntilMs = clock.monotonic() + backoffMs(timesShut++, shut, clock.random());
  };
  const begin = async <T>(task: () => Promise<T>): Promise<Begun<T>> => {
    const refused = refusal();
    if (refused) return refused;
    running++;
    const result = task();
    if (await isDoneWithin(patienceMs, result, clock)) wasQuick();
    else wasSlow();
    running--;
    return { kind: 'BEGUN', result };
  };
  return {
    async take(task) {
      present++;
      try {
        // At once, and in its turn: the party may have been shut while this one waited.
        return refusal() ?? (await inTurn(async () => refusal() ?? all(() => begin(task))));
      } finally {
        present--;
        usedAtMs = clock.monotonic();
      }
    },
    isForgettable: () => present === 0 && clock.monotonic() > usedAtMs + 2 * shut.maxMs,
  };
}

function isDoneWithin(ms: number, task: Promise<unknown>, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.after(ms, () => resolve(false));
    const done = (): void => {
      timer.cancel();
      resolve(true);
    };
    task.then(done, done);
  });
}
