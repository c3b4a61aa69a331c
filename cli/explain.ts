/** `mesh explain USER`: why is this user shown so? */
import { Command } from 'commander';
import type { Explanation } from '../gen/presence/v1/explanation.ts';
import { Status } from '../gen/presence/v1/presence.ts';
import { Cause } from '../gen/presence/v1/transition.ts';
import { ExplainPresenceResponse } from '../gen/presence/v1/presence_service.ts';
import { durationMs } from '../lib/durations.ts';
import type { Environment } from '../lib/config.ts';
import { printable, printableLines } from '../lib/printable.ts';
import { hinting } from './hints.ts';
import { nameOf } from './names.ts';
import { presencePool } from './presence-client.ts';
import { requireUser } from './user-argument.ts';

export function explainCommand(env: Environment): Command {
  return new Command('explain')
    .description('why is USER shown so: sessions, choice, last transitions, routes')
    .argument('<user>', 'user id')
    .option('--json', 'the whole answer, as JSON')
    .action(async (user: string, { json }: { json?: boolean }) => {
      const userId = requireUser('USER', user);
      using presence = presencePool(env);
      const reading = { isIdempotent: true };
      const response = await hinting(
        'MESH_PRESENCE_ADDRS',
        presence.unary((client) => client.explainPresence, { userId }, reading),
      );
      const { explanation } = response;
      if (!explanation) throw new Error('presence answered without an explanation');
      process.stdout.write(json ? toJson(response) : toText(explanation));
    });
}

function toJson(response: ExplainPresenceResponse): string {
  const json = JSON.stringify(ExplainPresenceResponse.toJSON(response), undefined, 2);
  return `${printableLines(json)}\n`;
}

/** For a person at a terminal. */
export function toText(explanation: Explanation): string {
  const { presence, sessions, transitions } = explanation;
  const lines = [
    `${presence?.userId ?? ''}  ${explanation.reason}`,
    `  version      ${presence?.version ?? 0n}`,
    `  last active  ${timeOf(presence?.lastActive)}`,
    `  chosen       ${chosenOf(explanation)}`,
    `  routes       ${explanation.routeGatewayIds.join(', ') || 'none: nothing is sent to this user'}`,
    `  graph        ${graphOf(explanation)}`,
    `  shard        ${shardOf(explanation)}`,
    `sessions`,
    ...(sessions.length > 0 ? sessions.map(sessionLine) : ['  none']),
    `last transitions`,
    ...(transitions.length > 0 ? transitions.map(transitionLine) : ['  none']),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

const timeOf = (time: Date | undefined): string => time?.toISOString() ?? 'never';

function chosenOf({ chosen, chosenAt }: Explanation): string {
  if (chosen === Status.STATUS_UNSPECIFIED) return 'nothing: the status follows activity';
  return `${nameOf(Status, chosen, 'STATUS_')} since ${timeOf(chosenAt)}`;
}

function graphOf({ graphRevision }: Explanation): string {
  if (graphRevision === 0n) return 'no change of an edge was announced; what is imported is not';
  return `revision ${graphRevision} at the last change of an edge that was announced`;
}

function shardOf({ shard, shardFloor, holdRemaining, outboxLength }: Explanation): string {
  const holdMs = durationMs(holdRemaining);
  const hold = holdMs > 0 ? `, held for ${Math.ceil(holdMs)} ms` : '';
  return `${shard}, floor ${shardFloor}${hold}, ${outboxLength} waiting in its outbox`;
}

function sessionLine(session: Explanation['sessions'][number]): string {
  const left = (durationMs(session.remaining) / 1000).toFixed(1);
  const notes = [
    session.closing ? 'closing' : '',
    session.gatewayAlive ? '' : 'gateway gone',
    session.device,
    session.traceparent && `trace ${session.traceparent.split('-')[1] ?? ''}`,
  ].filter(Boolean);
  const status = nameOf(Status, session.automatic, 'STATUS_');
  return `  ${session.sessionId}  ${status}  ${left} s left  on ${session.gatewayId}  ${notes.join(', ')}`;
}

function transitionLine(one: Explanation['transitions'][number]): string {
  const trace = one.traceparent ? `  trace ${one.traceparent.split('-')[1] ?? ''}` : '';
  const status = nameOf(Status, one.status, 'STATUS_').padEnd(8);
  const cause = nameOf(Cause, one.cause, 'CAUSE_').toLowerCase().padEnd(9);
  return `  ${timeOf(one.settledAt)}  ${status} ${cause} version ${one.version}${trace}`;
}
