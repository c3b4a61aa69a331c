/**
 * Whether this process stood still: was stopped, or its machine was, or it was busy with one thing for long. What it was
 * asked meanwhile waits in its sockets, and may have been asked of another process since, and overtaken by what came
 * after. A change that is done late would undo that. So after a standstill the sockets are read first: who gave a call
 * up has said so there. Who gives up a question of a stream says nothing, so those are refused, and asked again.
 */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../clock.ts';
import { RpcError } from '../errors.ts';
import type { CallContext } from './handlers.ts';

export interface Standstill extends Disposable {
  /**
   * While what is read may have waited longer than callers wait for a sign of life: resolves when it has been read. Else
   * undefined.
   */
  catchingUp(): Promise<void> | undefined;
}

const TICK_MS = 100;
/** Callers ask another process no sooner than after so long without an answer: silence.ts. */
const MAX_GAP_MS = 200;
/** Before the second tick after it went on, it has read its sockets twice. */
const CATCH_UP_TICKS = 2;

export function watchStandstill(clock: Clock): Standstill {
  let tickedAtMs = clock.monotonic();
  let ticksToCatchUp = 0;
  let waiting: (() => void)[] = [];
  const hasGap = (): boolean => clock.monotonic() - tickedAtMs > MAX_GAP_MS;
  const letGo = (): void => {
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  const ticking = clock.every(TICK_MS, () => {
    ticksToCatchUp = hasGap() ? CATCH_UP_TICKS : Math.max(0, ticksToCatchUp - 1);
    tickedAtMs = clock.monotonic();
    if (ticksToCatchUp === 0) letGo();
  });
  return {
    catchingUp() {
      if (ticksToCatchUp === 0 && !hasGap()) return undefined;
      return new Promise((resolve) => waiting.push(resolve));
    },
    [Symbol.dispose]() {
      ticking.cancel();
      letGo();
    },
  };
}

type Handle<Request, Response> = (request: Request, context: CallContext) => Promise<Response>;

/** Handles a call of a change, unless it came late and its caller has given it up. */
export function inTime<Request, Response>(
  standstill: Standstill,
  handle: Handle<Request, Response>,
): Handle<Request, Response> {
  return (request, context) => {
    const catchingUp = standstill.catchingUp();
    if (!catchingUp) return handle(request, context);
    const { signal } = context;
    return catchingUp.then(() => {
      signal.throwIfAborted();
      return handle(request, context);
    });
  };
}

/** Handles a question of a stream about a change, unless it may have come late: ABORTED. */
export function neverLate<Request, Response>(
  standstill: Standstill,
  handle: Handle<Request, Response>,
): Handle<Request, Response> {
  return (request, context) =>
    standstill.catchingUp() ? Promise.reject(stoodStill()) : handle(request, context);
}

export function stoodStill(): RpcError {
  const problem = 'this process stood still, and what it was asked meanwhile is not done';
  return new RpcError(status.ABORTED, `${problem}; ask again`);
}
