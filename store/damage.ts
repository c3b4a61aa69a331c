/** Users whose data in Redis could not be read, since somebody else wrote there too. */
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { counter } from '../lib/telemetry/metrics.ts';
import { METRICS } from '../lib/telemetry/names.ts';

export type TellDamage = (userId: string, problem: string) => void;

/** How long nothing more is said of a user, ms. */
const SILENT_MS = 60_000;
/** Users of whom it is remembered that they were told of. */
const MAX_TOLD = 1_000;

/** Logged and counted, of each user at most once a minute: one who is read often is met often. */
export function createDamageReport(logger: Logger, clock: Clock): TellDamage {
  const count = counter(METRICS.damaged);
  const toldAtMs = new Map<string, number>();
  return (userId, problem) => {
    const nowMs = clock.monotonic();
    if (nowMs - (toldAtMs.get(userId) ?? -Infinity) < SILENT_MS) return;
    if (toldAtMs.size >= MAX_TOLD) toldAtMs.clear();
    toldAtMs.set(userId, nowMs);
    count(1, {});
    logger.error({ userId, problem }, 'data of a user in Redis are damaged');
  };
}
