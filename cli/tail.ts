/** `mesh tail`: follow transitions, as an internal service would. */
import { Command } from 'commander';
import { Status } from '../gen/presence/v1/presence.ts';
import { WatchPresenceResponse, type Fence } from '../gen/presence/v1/presence_service.ts';
import { Cause, type Transition } from '../gen/presence/v1/transition.ts';
import type { Environment } from '../lib/config.ts';
import { printable } from '../lib/printable.ts';
import { hinting } from './hints.ts';
import { nameOf } from './names.ts';
import { presencePool } from './presence-client.ts';
import { requireUser } from './user-argument.ts';

interface TailOptions {
  readonly user?: readonly string[];
  readonly cursor?: string;
  readonly json?: boolean;
}

const collect = (value: string, before: readonly string[] = []): string[] => [
  ...before,
  requireUser('--user', value),
];

export function tailCommand(env: Environment): Command {
  return new Command('tail')
    .description(
      'follow changes of status, and possible losses of data, one a line; resumable with --cursor',
    )
    .option('--user <id>', 'only this user; may be given again', collect)
    .option('--cursor <cursor>', 'go on after the response that carried it')
    .option('--json', 'one JSON object a line, with its cursor, or only a newer cursor')
    .action((options: TailOptions) => hinting('MESH_PRESENCE_ADDRS', tail(env, options)));
}

async function tail(
  env: Environment,
  { user = [], cursor = '', json }: TailOptions,
): Promise<void> {
  using presence = presencePool(env);
  const request = { userIds: [...user], cursor };
  const responses = presence.stream((client) => client.watchPresence, request, {
    timeoutMs: Infinity,
    isIdempotent: true,
  });
  let isFirst = true;
  for await (const response of responses) {
    const line = json ? jsonLine(response) : lineOf(response, isFirst);
    if (line !== undefined) process.stdout.write(`${printable(line)}\n`);
    isFirst = false;
  }
}

const jsonLine = (response: WatchPresenceResponse): string =>
  JSON.stringify(WatchPresenceResponse.toJSON(response));

/** Undefined for a newer cursor that comes with nothing else: to a person it is no news. */
function lineOf(
  { transition, fence, cursor }: WatchPresenceResponse,
  isFirst: boolean,
): string | undefined {
  if (transition) return transitionLine(transition);
  if (fence) return fenceLine(fence);
  return isFirst ? `following from cursor ${cursor}` : undefined;
}

function fenceLine({ userIds }: Fence): string {
  const whom = userIds.length === 0 ? 'some users' : userIds.join(', ');
  return `Redis may have lost changes of ${whom}: a service looks everybody up again now`;
}

function transitionLine({ userId, status, version, cause, settledAt }: Transition): string {
  const at = settledAt?.toISOString() ?? '';
  const why = nameOf(Cause, cause, 'CAUSE_').toLowerCase();
  return `${at}  ${userId}  ${nameOf(Status, status, 'STATUS_')}  ${why}  version ${version}`;
}
