/** What a person can do about a service that is not there, or is another one. */
import { status } from '@grpc/grpc-js';
import { messageOf } from '../lib/errors.ts';

/**
 * Rejects as `answer` does, with a hint.
 * @param setting says where the service is
 */
export async function hinting<T>(setting: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const hint = hintFor(setting, error as { code?: unknown });
    if (hint === undefined) throw error;
    throw new Error(`${messageOf(error)}. ${hint}`, { cause: error });
  }
}

function hintFor(setting: string, error: { code?: unknown }): string | undefined {
  if (error.code === status.UNIMPLEMENTED)
    return `Another service is there: set ${setting} to host:port of the right one.`;
  const isAlone = error.code === status.UNAVAILABLE && NOBODY_THERE.test(messageOf(error));
  return isAlone ? `Start one with npm start, or set ${setting} to host:port of one.` : undefined;
}

/** A service that is there, and says that its own server does not answer, needs no other one. */
const NOBODY_THERE = /connect E|getaddrinfo E|no connection/i;
