/** Handlers as promises and async iterables, on top of the callbacks and streams of grpc-js. */
import { once } from 'node:events';
import {
  status,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
} from '@grpc/grpc-js';
import { RpcError, toStatus } from '../errors.ts';
import type { Logger } from '../logger.ts';

export interface CallContext {
  readonly metadata: Metadata;
  /** Aborts when the caller is gone. */
  readonly signal: AbortSignal;
}

interface Cancellable {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** The signal is made when asked for: grpc-js cancels every call at its end, and most never ask. */
function contextOf(call: Cancellable): CallContext {
  let signal: AbortSignal | undefined;
  return {
    metadata: call.metadata,
    get signal() {
      return (signal ??= signalOf(call));
    },
  };
}

export function signalOf(call: Cancellable): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  else call.on('cancelled', () => controller.abort());
  return controller.signal;
}

/** The status for the caller; what nobody expected also goes to the log in full. */
export function failureOf(error: unknown, logger: Logger): ReturnType<typeof toStatus> {
  const failure = toStatus(error);
  if (failure.code === status.INTERNAL) logger.error({ err: error }, 'unexpected error in a call');
  return failure;
}

export function unary<Request, Response>(
  logger: Logger,
  handle: (request: Request, context: CallContext) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const answer = async (): Promise<void> => {
      try {
        callback(null, await handle(call.request, contextOf(call)));
      } catch (error) {
        callback(failureOf(error, logger));
      }
    };
    void answer();
  };
}

export function serverStream<Request, Response>(
  logger: Logger,
  handle: (request: Request, context: CallContext) => AsyncIterable<Response>,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const context = contextOf(call);
    const answer = async (): Promise<void> => {
      try {
        for await (const response of handle(call.request, context)) {
          if (!call.write(response)) await once(call, 'drain', { signal: context.signal });
          context.signal.throwIfAborted();
        }
        call.end();
      } catch (error) {
        call.emit('error', failureOf(error, logger));
      }
    };
    void answer();
  };
}

export function clientStream<Request, Response>(
  logger: Logger,
  handle: (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>,
): handleClientStreamingCall<Request, Response> {
  return (call, callback) => {
    const answer = async (): Promise<void> => {
      try {
        callback(null, await handle(call as AsyncIterable<Request>, contextOf(call)));
      } catch (error) {
        // That the caller is gone is told as a stream that broke.
        callback(failureOf(call.cancelled ? cancelled(error) : error, logger));
      }
    };
    void answer();
  };
}

const cancelled = (cause: unknown): RpcError =>
  new RpcError(status.CANCELLED, 'The call was cancelled.', { cause });
