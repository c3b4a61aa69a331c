/**
 * Whether this process stood still: was stopped, or its machine was, or it was busy with one thing for long. What it was
 * asked meanwhile waits in its sockets, and may have been asked of another process since, and overtaken by what came
 * after. A change that is done late would undo that, so it is not done: whoever still waits for it asks again.
 */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../clock.ts';
import { RpcError } from '../errors.ts';
import type { CallContext } from './handlers.ts';

export interface Standstill extends Disposable {
  /** @throws RpcError ABORTED while what is read may have waited longer than callers wait for a sign of life. */
  check(): void;
}

const TICK_MS = 100;
/** Callers ask another process no sooner than after so long without an answer: silence.ts. */
const MAX_GAP_MS = 200;
/** Before the second tick after it went on, it has read its sockets twice. */
const CATCH_UP_TICKS = 2;

export function watchStandstill(clock: Clock): Standstill {
  let tickedAtMs = clock.monotonic();
  let ticksToCatchUp = 0;
  const hasGap = (): boolean => clock.monotonic() - tickedAtMs > MAX_GAP_MS;
  const ticking = clock.every(TICK_MS, () => {
    ticksToCatchUp = hasGap() ? CATCH_UP_TICKS : Math.max(0, ticksToCatchUp - 1);
    tickedAtMs = clock.monotonic();
  });
  return {
    check() {
      if (ticksToCatchUp === 0 && !hasGap()) return;
      const problem = 'this process stood still, and what it was asked meanwhile is not done';
      throw new RpcError(status.ABORTED, `${problem}; ask again`);
    },
    [Symbol.dispose]: () => ticking.cancel(),
  };
}

/** A handler of changes, that does not do them late. */
export function inTime<Request, Response>(
  standstill: Standstill,
  handle: (request: Request, context: CallContext) => Promise<Response>,
): (request: Request, context: CallContext) => Promise<Response> {
  return (request, context) => {
    standstill.check();
    return handle(request, context);
  };
}
