import { MAX_SESSIONS } from './timing.ts';

/** No session was opened: the user has as many as go, and none of them is closing. */
export class TooManySessionsError extends Error {
  override readonly name = 'TooManySessionsError';
  constructor(userId: string) {
    super(`${userId} has ${MAX_SESSIONS} live sessions, and more do not go; close one first`);
  }
}
