/** Why a user is shown as they are, for a person to read. The answer is presence.v1.Explanation as proto3 JSON. */
import { facts, make, table } from './dom.ts';

interface Session {
  readonly sessionId: string;
  readonly gatewayId: string;
  readonly gatewayAlive?: boolean;
  readonly device?: string;
  readonly automatic?: string;
  readonly remaining?: string;
  readonly closing?: boolean;
  readonly traceparent?: string;
}

interface Transition {
  readonly settledAt?: string;
  readonly status?: string;
  readonly version?: string;
  readonly cause?: string;
  readonly traceparent?: string;
}

export interface Explanation {
  readonly presence?: {
    readonly userId: string;
    readonly lastActive?: string;
    readonly version?: string;
  };
  readonly reason?: string;
  readonly chosen?: string;
  readonly chosenAt?: string;
  readonly sessions?: readonly Session[];
  readonly transitions?: readonly Transition[];
  readonly routeGatewayIds?: readonly string[];
  readonly graphRevision?: string;
  readonly shard?: number;
  readonly shardFloor?: string;
  readonly holdRemaining?: string;
  readonly outboxLength?: string;
}

export function explanationOf(explanation: Explanation): HTMLElement {
  const { presence, reason = '', sessions = [], transitions = [] } = explanation;
  return make(
    'div',
    '',
    make('h3', '', `${presence?.userId ?? ''}: ${reason}`),
    facts(factsOf(explanation)),
    ...listed('Live sessions', SESSION_HEADINGS, sessions.map(sessionCells)),
    ...listed(
      'Last transitions, the newest first',
      TRANSITION_HEADINGS,
      transitions.map(transitionCells),
    ),
  );
}

function listed(title: string, headings: readonly string[], rows: string[][]): HTMLElement[] {
  const heading = make('h3', '', title);
  return [heading, rows.length > 0 ? table(title, headings, rows) : make('p', 'faint', 'none')];
}

function factsOf(explanation: Explanation): [string, string][] {
  const { presence, routeGatewayIds = [] } = explanation;
  return [
    ['version', presence?.version ?? '0'],
    ['last active', localTime(presence?.lastActive)],
    ['chosen', chosenOf(explanation)],
    ['routes', routeGatewayIds.join(', ') || 'none: nothing is sent to this user'],
    ['graph revision', explanation.graphRevision ?? '0'],
    ['shard', shardOf(explanation)],
  ];
}

function chosenOf({ chosen, chosenAt }: Explanation): string {
  return chosen
    ? `${word(chosen)} since ${localTime(chosenAt)}`
    : 'nothing: the status follows activity';
}

function shardOf({
  shard = 0,
  shardFloor = '0',
  holdRemaining = '0s',
  outboxLength = '0',
}: Explanation): string {
  const hold = holdRemaining === '0s' ? '' : `, held for ${holdRemaining}`;
  return `${shard}, floor ${shardFloor}${hold}, ${outboxLength} waiting in its outbox`;
}

const SESSION_HEADINGS = ['Session', 'Activity', 'Left', 'Gateway', 'Device', 'Trace'];

function sessionCells(session: Session): string[] {
  const left = `${session.remaining ?? '0s'}${session.closing ? ', closing' : ''}`;
  const gateway = `${session.gatewayId}${session.gatewayAlive ? '' : ' (gone)'}`;
  const { device = '', automatic = '' } = session;
  return [session.sessionId, word(automatic), left, gateway, device, traceIdOf(session)];
}

const TRANSITION_HEADINGS = ['When', 'Status', 'Cause', 'Version', 'Trace'];

function transitionCells(one: Transition): string[] {
  const { status = '', cause = '', version = '0' } = one;
  return [localTime(one.settledAt), word(status), word(cause), version, traceIdOf(one)];
}

/** STATUS_ONLINE → online */
const word = (name: string): string => name.replace(/^[A-Z]+_/, '').toLowerCase();

const traceIdOf = ({ traceparent = '' }: { traceparent?: string }): string =>
  traceparent.split('-')[1] ?? '';

const LOCAL = new Intl.DateTimeFormat(undefined, {
  ...{ month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' },
  fractionalSecondDigits: 3,
});

function localTime(timestamp: string | undefined): string {
  return timestamp === undefined ? 'never' : LOCAL.format(new Date(timestamp));
}
