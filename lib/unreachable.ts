/** What a server that cannot be reached makes a client library say, and what to do about it. */

const BROKEN = /\b(EPIPE|ECONNRESET|socket hang up)\b/;
const ABSENT =
  /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|[Cc]onnection timeout|Closed connection)\b/;

/**
 * @param setting where the server's address is from.
 * @returns undefined for words that are about something else.
 */
export function unreachable(words: string, setting: string): string | undefined {
  if (BROKEN.test(words)) return 'the connection broke';
  if (!ABSENT.test(words)) return undefined;
  return `does not answer (${words}). ${startOrSet(setting)}`;
}

export function startOrSet(setting: string): string {
  return `Start it with npm run stack -- up, or set ${setting} to where it is.`;
}
