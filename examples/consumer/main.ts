/**
 * An internal service in small: who of these users is online, and when were the others last seen? In a project of your
 * own you generate the contracts from proto/ with the tool of your language; here they are in gen/.
 */
import { credentials } from '@grpc/grpc-js';
import { Status, type Presence } from '../../gen/presence/v1/presence.ts';
import { PresenceServiceClient } from '../../gen/presence/v1/presence_service.ts';
import { consume } from './consumer.ts';
import { LastSeen } from './last-seen.ts';
import { readOptions, USAGE, type Options } from './options.ts';
import { createSaver, readState } from './state-file.ts';

const CHANNEL = {
  // A presence process that is gone without a word is noticed, and one that is back is found soon.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3000,
  'grpc.max_reconnect_backoff_ms': 1000,
};
const EXIT_USAGE = 2;

const options = optionsOf(process.argv.slice(2));
const stopping = new AbortController();
process.once('SIGINT', () => stopping.abort());
process.once('SIGTERM', () => stopping.abort());
try {
  await run(options);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function optionsOf(args: readonly string[]): Options {
  try {
    return readOptions(args);
  } catch (error) {
    process.stderr.write(`${String(error)}\n\n${USAGE}`);
    process.exit(EXIT_USAGE);
  }
}

async function run({ userIds, file, target }: Options): Promise<void> {
  const { cursor: begin, rows } = await readState(file);
  const table = new LastSeen(userIds, rows);
  let cursor = begin;
  let failure: Error | undefined;
  const saver = createSaver(
    file,
    () => ({ cursor, rows: table.rows() }),
    (error) => {
      failure = error;
      stopping.abort();
    },
  );
  say(begin === '' ? 'beginning anew' : `going on from cursor ${begin} of ${file}`);
  const client = new PresenceServiceClient(target, credentials.createInsecure(), CHANNEL);
  try {
    await consume({
      ...{ client, table, cursor, signal: stopping.signal },
      onChange: (presence) => {
        say(lineOf(presence, table.online(), userIds.length));
        saver.soon();
      },
      onCursor: (next) => {
        cursor = next;
        saver.soon();
      },
      onProblem: (words) => process.stderr.write(`${words}\n`),
    });
    await saver.done();
    if (failure) throw failure;
  } finally {
    client.close();
  }
}

function lineOf(presence: Presence, online: number, users: number): string {
  const { userId, status, version, lastActive } = presence;
  const name = Object.entries(Status).find(([, value]) => value === status)?.[0] ?? '';
  const seen = lastActive ? `last active ${lastActive.toISOString()}` : 'never seen';
  return `${userId} ${name.slice('STATUS_'.length)} version ${version}, ${seen} (${online} of ${users} online)`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
