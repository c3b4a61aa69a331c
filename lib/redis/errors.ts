/** What a Redis server, or its absence, makes of a call. */
import { messageOf } from '../errors.ts';
import { startOrSet, unreachable } from '../unreachable.ts';

/**
 * UNAVAILABLE: it does not answer, or not now; nothing is known of the call: try again with backoff.
 * REFUSED: it answered that it will not do it, and would not the next time.
 */
export type RedisErrorCode = 'UNAVAILABLE' | 'REFUSED';

export class RedisError extends Error {
  override readonly name = 'RedisError';
  readonly code: RedisErrorCode;
  /** Host and port; of a cluster, those of the servers it was given. */
  readonly address: string;

  constructor(code: RedisErrorCode, address: string, reason: string, cause?: unknown) {
    super(`Redis at ${address}: ${reason}`, { cause });
    this.code = code;
    this.address = address;
  }
}

/** First words of answers that mean "not now". */
const NOT_NOW =
  /^(LOADING|CLUSTERDOWN|MASTERDOWN|READONLY|TRYAGAIN|NOREPLICAS|BUSY|MISCONF|OOM|NOAUTH|WRONGPASS) /;

/** @param lastFailure of the connection, which says more than that there is none. */
export function redisErrorOf(error: unknown, address: string, lastFailure?: Error): RedisError {
  const reason = messageOf(error);
  if (isReply(error) && !NOT_NOW.test(reason)) {
    return new RedisError('REFUSED', address, explain(reason), error);
  }
  const why = isReply(error) ? reason : messageOf(lastFailure ?? error);
  return new RedisError('UNAVAILABLE', address, unavailable(why), error);
}

const SETTING = 'MESH_REDIS_URL';

/** In words that say what would be right. */
function unavailable(why: string): string {
  if (why.startsWith('NOAUTH ')) {
    return `it asks for a password: set ${SETTING} with one, as in redis://:PASSWORD@host:6379 (NOAUTH)`;
  }
  if (why.startsWith('WRONGPASS ')) {
    return `it does not know the user or the password in ${SETTING}, redis://USER:PASSWORD@host:6379 (WRONGPASS)`;
  }
  const [, word = ''] = /^(\w+) .* script: /s.exec(why) ?? [];
  if (word === 'OOM') return 'it has no memory left: give it more, or raise its maxmemory (OOM)';
  if (word !== '') return why.replace(/ script: \w+, on @user_script.*$/s, '');
  if (NO_SERVER.test(why)) return `cannot connect. ${startOrSet(SETTING)}`;
  if (BROKEN.test(why)) return 'the connection broke';
  return unreachable(why, SETTING) ?? why;
}

/** How a cluster's client says that it reached none of its servers, or the one of the key. */
const NO_SERVER = /^(Connection is closed\.|Failed to refresh slots cache\.)/;

/** How the client of one server says that a connection went while a call was under way, or had just gone. */
const BROKEN = /^(Reached the max retries per request limit|Stream isn't writeable).*/s;

function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

function explain(reason: string): string {
  if (!reason.startsWith('MOVED ')) return reason;
  return `${reason}: it is one server of a cluster; give the addresses of several`;
}
