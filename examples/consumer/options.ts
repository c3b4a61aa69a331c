/** What the example is told on its command line. */
import { parseArgs } from 'node:util';

export interface Options {
  readonly userIds: readonly string[];
  readonly file: string;
  readonly target: string;
}

export const USAGE = `usage: npm run example:consumer -- [--file FILE] [--presence TARGET] USER…

Keeps a table of when the users were last seen, and says what changes. Stop it as you like, kill -9 too: started again
it goes on where it was.

  --file FILE        the table and the cursor; default last-seen.json
  --presence TARGET  gRPC target of presence, host:port, several as ipv4:10.0.0.1:50051,10.0.0.2:50051;
                     default 127.0.0.1:50051, where npm start serves
`;

/** Of a WatchPresence and of a look-up. */
const MAX_USERS = 1000;

/** @throws Error in words for a person */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      file: { type: 'string', default: 'last-seen.json' },
      presence: { type: 'string', default: '127.0.0.1:50051' },
    },
  });
  const count = positionals.length;
  if (count === 0) throw new Error('Name the users to follow.');
  if (count > MAX_USERS) throw new Error(`${count} users given; at most ${MAX_USERS}.`);
  return { userIds: positionals, file: values.file, target: values.presence };
}
