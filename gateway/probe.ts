import type { Clock, Timer } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';

export interface ProbeOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly check: () => Promise<unknown>;
  /** undefined: it answers. */
  readonly onResult: (problem: string | undefined) => void;
}

/** Asks an upstream now and then whether it answers, so that readiness tells the truth also when nobody is here. */
export function startProbe({ clock, intervalMs, check, onResult }: ProbeOptions): Disposable {
  let timer: Timer | undefined;
  let isStopped = false;
  const probe = async (): Promise<void> => {
    const problem = await check().then(() => undefined, messageOf);
    if (isStopped) return;
    onResult(problem);
    timer = clock.after(intervalMs, () => void probe());
  };
  void probe();
  return {
    [Symbol.dispose]() {
      isStopped = true;
      timer?.cancel();
    },
  };
}
