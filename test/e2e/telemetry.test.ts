/**
 * What the parts tell a collector, as processes of their own over real Redis, Kafka and Dgraph: one trace from what a
 * client does to its friends' sockets, and where the time goes.
 */
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import type { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { ATTRIBUTES, METRICS, SPANS, STAGES } from '../../lib/telemetry/names.ts';
import type { WireFrame } from '../support/client-view.ts';
import { openGraph } from '../support/clients.ts';
import { connect } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import type { Mesh } from '../support/mesh.ts';
import {
  startOtlpReceiver,
  type OtlpReceiver,
  type ReceivedSpan,
} from '../support/otlp-receiver.ts';
import { startStack } from '../support/stack.ts';

const LEASE_TTL_MS = 10_000;
const HEARTBEAT_MS = 500;
const CHANGES = 15;
/** A client is no nearer to the mesh than this, ms; nor is a millisecond of Redis's clock finer. */
const TOLERANCE_MS = 5;
const ALICE = 'telemetry-alice';
const BOB = 'telemetry-bob';
const CAROL = 'telemetry-carol';

let disposer: Disposer;
let collector: OtlpReceiver;
let mesh: Mesh;

beforeAll(async () => {
  disposer = createDisposer();
  collector = disposer.add(await startOtlpReceiver());
  const stack = disposer.add(
    await startStack({
      dgraph: 'shared',
      settings: {
        ...collector.env,
        MESH_LEASE_TTL_MS: String(LEASE_TTL_MS),
        MESH_HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS),
        MESH_CLOSE_GRACE_MS: '300',
      },
    }),
  );
  mesh = stack.mesh;
  using graph = graphOfMesh();
  await graph.unary((client) => client.befriend, { userId: ALICE, friendUserId: BOB });
}, 120_000);

function graphOfMesh(): ClientPool<GraphServiceClient> {
  return openGraph(...mesh.graph.map(({ address }) => address));
}

afterAll(async () => disposer[Symbol.asyncDispose](), 60_000);

const named = (name: string) => collector.spans.filter((span) => span.name === name);
const having = (name: string, wanted: Readonly<Record<string, string>>) =>
  named(name).filter(({ attributes }) =>
    Object.entries(wanted).every(([key, value]) => attributes[key] === value),
  );
const childOf = (parent: ReceivedSpan, name: string): ReceivedSpan =>
  only(named(name).filter(({ parentSpanId }) => parentSpanId === parent.spanId));

function only<T>(values: readonly T[]): T {
  expect(values).toHaveLength(1);
  return values[0]!;
}

/** From the wait in the outbox on: how a change reaches a gateway's sockets. */
function wayFrom(outbox: ReceivedSpan) {
  const audience = childOf(outbox, SPANS.audience);
  const who = childOf(audience, SPANS.who);
  expect(who).toMatchObject({ service: 'mesh-graph', kind: 2 });
  const send = childOf(audience, SPANS.send);
  const deliver = childOf(send, SPANS.deliver);
  for (const span of [audience, who, send, deliver]) expect(span.traceId).toBe(outbox.traceId);
  return { outbox, audience, who, send, deliver };
}

/** The whole way of a change, found by the version it made. */
function wayOf(version: string) {
  const wanted = { [ATTRIBUTES.event]: 'choose', [ATTRIBUTES.user]: BOB };
  const settle = only(having(SPANS.settle, { ...wanted, [ATTRIBUTES.version]: version }));
  const receive = only(named(SPANS.receive).filter(({ spanId }) => spanId === settle.parentSpanId));
  expect(settle.traceId).toBe(receive.traceId);
  return { receive, settle, ...wayFrom(childOf(settle, SPANS.outbox)) };
}

const durationOf = ({ startMs, endMs }: ReceivedSpan): number => endMs - startMs;
const wallMs = (): number => performance.timeOrigin + performance.now();

interface Observed {
  readonly version: string;
  /** From the one client's writing to the other's reading, ms. */
  readonly tookMs: number;
}

/** A plain socket: it is told of a frame when that comes, not when somebody looks. */
function observe(change: () => void, status: string, watcher: WebSocket): Promise<Observed> {
  return new Promise((resolve) => {
    const listen = (data: Buffer): void => {
      const tookMs = wallMs() - startedMs;
      const { update } = JSON.parse(data.toString()) as WireFrame;
      const seen = update?.presences.find((one) => one.userId === BOB && one.status === status);
      if (!seen?.version) return;
      watcher.off('message', listen);
      resolve({ version: seen.version, tookMs });
    };
    watcher.on('message', listen);
    const startedMs = wallMs();
    change();
  });
}

/** From a client to the gateway and back, ms: more where the machine is busy. */
async function roundTripMs(socket: WebSocket): Promise<number> {
  const answered = once(socket, 'pong');
  const startedMs = wallMs();
  socket.ping();
  await answered;
  return wallMs() - startedMs;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

test('a change is one trace from its client to its friends, and its stages are all of its time', async () => {
  using alice = await connect(mesh.gateways[0]!.address, ALICE, { heartbeatMs: HEARTBEAT_MS });
  using bob = await connect(mesh.gateways[0]!.address, BOB, { heartbeatMs: HEARTBEAT_MS });
  await alice.sees(BOB, 'STATUS_ONLINE');
  const url = `ws://${mesh.gateways[0]!.address}/v1/ws?access_token=dev:${ALICE}`;
  const watcher = new WebSocket(url);
  await once(watcher, 'message');
  const observed: Observed[] = [];
  const distances: number[] = [];
  for (let i = 0; i < CHANGES; i++) {
    distances.push(await roundTripMs(watcher));
    const status = i % 2 === 0 ? 'STATUS_BUSY' : 'STATUS_AWAY';
    observed.push(await observe(() => bob.send({ setStatus: { status } }), status, watcher));
  }
  watcher.terminate();

  const ways = await eventually(() => observed.map(({ version }) => wayOf(version)));
  for (const { receive, settle, outbox, send, deliver } of ways) {
    expect(receive.parentSpanId).toBeUndefined();
    expect(receive.attributes).toMatchObject({
      [ATTRIBUTES.event]: 'choose',
      [ATTRIBUTES.user]: BOB,
    });
    expect(only(receive.links).traceId).not.toBe(receive.traceId);
    expect(outbox.attributes).toMatchObject({ [ATTRIBUTES.cause]: 'CHOSEN' });
    expect([receive, settle, outbox, send, deliver].map(({ service }) => service)).toEqual([
      ...['mesh-gateway', 'mesh-presence', 'mesh-fanout', 'mesh-fanout', 'mesh-gateway'],
    ]);
    expect([receive, settle, send, deliver].map(({ kind }) => kind)).toEqual([2, 2, 4, 5]);
  }
  const unexplained = ways.map(({ receive, outbox, audience, deliver }, i) => {
    const stages = [
      outbox.startMs - receive.startMs,
      durationOf(outbox),
      durationOf(audience),
      deliver.startMs - audience.endMs,
      durationOf(deliver),
    ];
    return observed[i]!.tookMs - stages.reduce((sum, ms) => sum + ms);
  });
  // The client's own part of the way is in no span.
  const closeTo = Math.max(TOLERANCE_MS, 3 * median(distances));
  expect(Math.abs(median(unexplained))).toBeLessThan(closeTo);

  const spentOn = (stage: string) => {
    const found = collector
      .series()
      .filter(
        ({ metric, attributes }) =>
          metric === METRICS.propagation.name &&
          attributes[ATTRIBUTES.stage] === stage &&
          attributes[ATTRIBUTES.cause] === 'CHOSEN',
      );
    const { count, sum } = only(found);
    expect(count).toBe(CHANGES);
    return (sum / count) * 1000;
  };
  await eventually(() => {
    const { total, ...parts } = STAGES;
    const sum = Object.values(parts).reduce((ms, stage) => ms + spentOn(stage), 0);
    expect(Math.abs(sum - spentOn(total))).toBeLessThan(TOLERANCE_MS);
  });
});

test('an expiry is a trace of its own that links to the session that died', async () => {
  using alice = await connect(mesh.gateways[0]!.address, ALICE, { heartbeatMs: HEARTBEAT_MS });
  using bob = await connect(mesh.gateways[0]!.address, BOB, { heartbeatMs: HEARTBEAT_MS });
  await alice.sees(BOB, 'STATUS_BUSY');
  const welcome = bob.frames.find((frame) => frame.welcome)?.welcome;
  const { receive, settle } = await eventually(() => {
    const opened = { [ATTRIBUTES.event]: 'open', [ATTRIBUTES.session]: welcome?.sessionId ?? '' };
    const last = only(having(SPANS.receive, opened));
    return { receive: last, settle: childOf(last, SPANS.settle) };
  });
  bob.freeze();
  const gone = await alice.sees(BOB, 'STATUS_OFFLINE', 4 * LEASE_TTL_MS);
  const way = await eventually(() => {
    const expired = { [ATTRIBUTES.user]: BOB, [ATTRIBUTES.version]: gone.version ?? '' };
    return wayFrom(only(having(SPANS.outbox, expired)));
  });
  expect(way.outbox.parentSpanId).toBeUndefined();
  expect(way.outbox.traceId).not.toBe(receive.traceId);
  expect(only(way.outbox.links)).toMatchObject({ traceId: settle.traceId, spanId: settle.spanId });
  expect(way.outbox.attributes[ATTRIBUTES.cause]).toBe('EXPIRED');
  expect(Number(way.outbox.attributes[ATTRIBUTES.lateness])).toBeGreaterThanOrEqual(0);
  await eventually(() =>
    expect(collector.series().map(({ metric }) => metric)).toContain(METRICS.lateness.name),
  );
});

test('a changed edge is one trace: graph, presence for each of the two, and on to their sockets', async () => {
  using alice = await connect(mesh.gateways[0]!.address, ALICE, { heartbeatMs: HEARTBEAT_MS });
  using carol = await connect(mesh.gateways[0]!.address, CAROL, { heartbeatMs: HEARTBEAT_MS });
  using graph = graphOfMesh();
  await graph.unary((client) => client.befriend, { userId: CAROL, friendUserId: ALICE });
  await Promise.all([alice.sees(CAROL, 'STATUS_ONLINE'), carol.sees(ALICE, 'STATUS_ONLINE')]);
  await eventually(() => {
    const change = only(having(SPANS.edge, { [ATTRIBUTES.user]: CAROL }));
    expect(change).toMatchObject({ service: 'mesh-graph', kind: 2, parentSpanId: undefined });
    expect(change.attributes).toMatchObject({
      [ATTRIBUTES.event]: 'befriend',
      [ATTRIBUTES.peer]: ALICE,
    });
    const settled = named(SPANS.settle).filter(
      ({ parentSpanId }) => parentSpanId === change.spanId,
    );
    expect(settled.map(({ attributes }) => attributes[ATTRIBUTES.user]).sort()).toEqual([
      ...[ALICE, CAROL],
    ]);
    for (const settle of settled) {
      expect(settle.traceId).toBe(change.traceId);
      const { who } = wayFrom(childOf(settle, SPANS.outbox));
      expect(who.attributes[ATTRIBUTES.recipients]).toBe('1');
    }
  });
});

test('a client that brings a trace is followed in it', async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  const url = `ws://${mesh.gateways[0]!.address}/v1/ws?access_token=dev:${BOB}`;
  const socket = new WebSocket(url, { headers });
  await once(socket, 'message');
  socket.close();
  await eventually(() => {
    const spans = collector.spans.filter((span) => span.traceId === traceId);
    const events = spans
      .filter(({ name }) => name === SPANS.receive)
      .map(({ attributes }) => attributes[ATTRIBUTES.event]);
    expect(events).toEqual(['open', 'close']);
  });
});

test('nothing is told by a name that is not declared, no user on a metric, no token anywhere', () => {
  const declared = Object.values(METRICS);
  for (const { metric, attributes, unit } of collector.series()) {
    const declaration = declared.find(({ name }) => name === metric);
    expect(declaration).toMatchObject({ name: metric, unit });
    const allowed: readonly string[] = declaration!.attributes;
    expect(allowed).toEqual(expect.arrayContaining(Object.keys(attributes)));
    expect(Object.values(attributes).join()).not.toMatch(/telemetry-/);
  }
  const known: readonly string[] = Object.values(ATTRIBUTES);
  for (const { name, attributes } of collector.spans) {
    expect(Object.values(SPANS)).toContain(name);
    expect(known).toEqual(expect.arrayContaining(Object.keys(attributes)));
  }
  expect(collector.bodies.filter((body) => body.includes('dev:'))).toEqual([]);
  const told = new Set(collector.series().map(({ metric }) => metric));
  const { drops, conflations, fences, notifications, watchLookups, damaged } = METRICS;
  const seldom = [drops, conflations, fences, notifications, watchLookups, damaged];
  const rare = seldom.map(({ name }) => name);
  const missing = declared.map(({ name }) => name).filter((name) => !told.has(name));
  expect(rare).toEqual(expect.arrayContaining(missing));
});
