/** What Dgraph takes for followers, whoever writes them: new users and their edges, a commit for each batch. */
import { createDgraphConnection } from '../../graph/dgraph-connection.ts';
import { uidsQuery, type UidsAnswer } from '../../graph/dgraph-queries.ts';
import type { Clock } from '../../lib/clock.ts';

export interface RawFollows {
  readonly clock: Clock;
  /** `dgraph://host:port` */
  readonly dgraphUrl: string;
  /** Somebody in the graph already. */
  readonly followed: string;
  readonly followers: readonly string[];
  readonly batch: number;
}

/** No checks, no modes, no marks: nothing is asked but who is followed. Resolves with the ms it took. */
export async function writeRawFollows(options: RawFollows): Promise<number> {
  const { clock, dgraphUrl, followed, followers, batch } = options;
  using connection = createDgraphConnection({ address: new URL(dgraphUrl).host, clock });
  const startedAt = clock.monotonic();
  for (let from = 0; from < followers.length; from += batch) {
    await connection.transact(async (transaction) => {
      const { json } = await transaction.query<UidsAnswer>(uidsQuery([followed]));
      const to = `<${json.users[0]!.uid}>`;
      const lines = followers.slice(from, from + batch).map((userId, i) => {
        const user = `_:u${i} <mesh.user_id> ${JSON.stringify(userId)} .`;
        return `${user}\n_:u${i} <mesh.follows> ${to} .`;
      });
      await transaction.commit({ set: lines.join('\n'), remove: '' });
    }, WRITE_TIMEOUT_MS);
  }
  return clock.monotonic() - startedAt;
}

const WRITE_TIMEOUT_MS = 60_000;
