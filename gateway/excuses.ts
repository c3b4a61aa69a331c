/** What clients are told when something behind the gateway fails: what they can do, and nothing of the inside. */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../lib/clock.ts';
import { RpcError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';

/**
 * Words for the client. Why it failed is in the log, under the same reference.
 * @param asked what cannot be done, and of whom.
 */
export type Excuse = (error: unknown, asked: Asked) => string;

export interface Asked {
  /** A path, or a client's frame. */
  readonly what: string;
  readonly userId?: string;
}

const WORDS = 'the gateway got no answer from a server behind it';

export function createExcuse({ clock, logger }: { clock: Clock; logger: Logger }): Excuse {
  return (error, asked) => {
    const reference = clock.uuid().slice(0, 8);
    // Of a failed call the words say all; anything else is a fault of ours.
    const why = error instanceof RpcError ? { problem: error.message } : { err: error };
    logger.warn({ reference, ...asked, ...why }, 'a client was told that nothing answers');
    return `${WORDS}; try again in a few seconds (reference ${reference})`;
  };
}

/** Caused by what the client asked for, and told in words that are for it. */
export function isForClients(error: unknown): error is RpcError {
  return error instanceof RpcError && FOR_CLIENTS.has(error.code);
}

const FOR_CLIENTS: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.FAILED_PRECONDITION,
  status.RESOURCE_EXHAUSTED,
]);
