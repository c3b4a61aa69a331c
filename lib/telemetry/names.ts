/**
 * Every span, attribute and metric there is, declared once. Nothing else names one: a test compares what comes out of
 * running processes with these lists, and docs/operations.md shows them.
 *
 * Users and sessions are on spans only: on a metric each would be a time series of its own. Tokens are nowhere.
 */

/** In the order of a change's way. */
export const SPANS = {
  /** A changed edge: stored, and told to presence for each of the two who are shown another. */
  edge: 'graph change',
  /** From what a client did to presence's answer. */
  receive: 'gateway receive',
  /** One script in the store: the change, and what the user comes to. */
  settle: 'presence settle',
  /** From the entry's settlement to a worker's taking it. */
  outbox: 'outbox wait',
  /** From then on until it is known who is told, and on which gateways. */
  audience: 'fanout audience',
  /** Of that, in the graph: who sees the subject, and how. */
  who: 'graph audience',
  /** From handing a message to Kafka to its acknowledgement. */
  send: 'kafka send',
  /** From a record's coming to the last socket written. */
  deliver: 'gateway deliver',
} as const;

export type SpanName = (typeof SPANS)[keyof typeof SPANS];

export const ATTRIBUTES = {
  user: 'presence.user.id',
  session: 'presence.session.id',
  gateway: 'presence.gateway.id',
  /** Of an edge, the other user. */
  peer: 'presence.peer.id',
  /** What was done: open, choose, activity, close or announce; to an edge, befriend, unfriend, follow and so on. */
  event: 'presence.event',
  /** Why a status changed: OPENED, CHOSEN, ACTIVITY, EXPIRED, CLOSED, LOGOUT or ANNOUNCED. */
  cause: 'presence.cause',
  /** After the change. */
  status: 'presence.status',
  version: 'presence.version',
  /** Of the lease that ended: ms from its deadline to being noticed. */
  lateness: 'presence.lateness_ms',
  recipients: 'presence.recipients',
  /** Messages that an entry took. */
  messages: 'presence.messages',
  topic: 'messaging.destination.name',
  stage: 'presence.stage',
  reason: 'presence.reason',
  outcome: 'presence.outcome',
} as const;

export type AttributeName = (typeof ATTRIBUTES)[keyof typeof ATTRIBUTES];

export interface Metric<A extends AttributeName = AttributeName> {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly attributes: readonly A[];
  /** Upper bounds of a histogram's buckets. */
  readonly bounds?: readonly number[];
}

const metric = <A extends AttributeName = never>(declared: Metric<A>): Metric<A> => declared;

const SECONDS = [
  ...[0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1],
  ...[0.25, 0.5, 1, 2.5, 5, 10, 30],
];
const COUNTS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

export const METRICS = {
  propagation: metric({
    name: 'presence.propagation.duration',
    unit: 's',
    description: 'from the cause of a change to its writing to sockets, by stage and in total',
    attributes: [ATTRIBUTES.stage, ATTRIBUTES.cause],
    bounds: SECONDS,
  }),
  lateness: metric({
    name: 'presence.expiry.lateness',
    unit: 's',
    description: 'from the deadline of a lease to its being noticed',
    attributes: [ATTRIBUTES.cause],
    bounds: SECONDS,
  }),
  sessions: metric({
    name: 'presence.gateway.sessions',
    unit: '{session}',
    description: 'connections open on a gateway',
    attributes: [],
  }),
  leaseRenewals: metric({
    name: 'presence.gateway.lease.renewals',
    unit: '{renewal}',
    description: 'how renewals of a gateway’s own lease went: held, failed or ended',
    attributes: [ATTRIBUTES.outcome],
  }),
  liveGateways: metric({
    name: 'presence.gateways',
    unit: '{gateway}',
    description: 'gateways whose lease runs, as a fanout worker last saw them',
    attributes: [],
  }),
  deliveries: metric({
    name: 'presence.deliveries',
    unit: '{delivery}',
    description: 'changes handed to sockets',
    attributes: [],
  }),
  watchLookups: metric({
    name: 'presence.watch.lookups',
    unit: '{lookup}',
    description: 'look-ups of all that the clients of a gateway watch, one for all viewers',
    attributes: [],
  }),
  outboxDepth: metric({
    name: 'presence.outbox.depth',
    unit: '{entry}',
    description: 'entries in the outboxes of a fanout worker’s shards, as last swept',
    attributes: [],
  }),
  shards: metric({
    name: 'presence.fanout.shards',
    unit: '{shard}',
    description: 'shards a fanout worker owns',
    attributes: [],
  }),
  width: metric({
    name: 'presence.fanout.width',
    unit: '{message}',
    description: 'messages a change took: one for each gateway with a live recipient',
    attributes: [ATTRIBUTES.cause],
    bounds: COUNTS,
  }),
  audience: metric({
    name: 'presence.fanout.audience',
    unit: '{user}',
    description: 'recipients of a change that are connected',
    attributes: [ATTRIBUTES.cause],
    bounds: COUNTS,
  }),
  drops: metric({
    name: 'presence.drops',
    unit: '{message}',
    description: 'what was not delivered: outbox_truncated, gateway_gone or recipient_gone',
    attributes: [ATTRIBUTES.reason],
  }),
  conflations: metric({
    name: 'presence.conflations',
    unit: '{change}',
    description:
      'changes replaced by a newer one before they were sent: in the outbox or at a socket',
    attributes: [ATTRIBUTES.stage],
  }),
  notifications: metric({
    name: 'presence.notifications',
    unit: '{notification}',
    description:
      'what became of notifications asked for: sent, connected, postponed, gone or failed',
    attributes: [ATTRIBUTES.outcome],
  }),
  damaged: metric({
    name: 'presence.damaged',
    unit: '{user}',
    description: 'users whose data in Redis could not be read, and are mended or shown offline',
    attributes: [],
  }),
  fences: metric({
    name: 'presence.fences',
    unit: '{fence}',
    description: 'shards that may have lost data, as their fanout owners saw it',
    attributes: [],
  }),
} as const;

/** Values of `presence.stage`: where the time of a change goes. They add up to `total`. */
export const STAGES = {
  /** From the cause (a client's act, a deadline) to the store's settlement. */
  settle: 'settle',
  outbox: 'outbox',
  audience: 'audience',
  kafka: 'kafka',
  deliver: 'deliver',
  total: 'total',
} as const;

export type Stage = (typeof STAGES)[keyof typeof STAGES];
