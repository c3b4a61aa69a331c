import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Status } from '../../gen/presence/v1/presence.ts';
import { Cause } from '../../gen/presence/v1/transition.ts';
import { toText } from '../../cli/explain.ts';
import { explainPresence } from '../../presence/explain.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import { firstUnprintable } from '../../lib/printable.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const LEASE_TTL_MS = 30_000;
const ALICE = { userId: 'alice' };

let clock: ManualClock;
let store: PresenceStore;
beforeEach(() => {
  clock = createManualClock(1_700_000_000_000);
  store = createMemoryPresenceStore({ clock, shardCount: 4, leaseTtlMs: LEASE_TTL_MS });
});
afterEach(async () => store[Symbol.asyncDispose]());

const open = (sessionId: string, gatewayId = 'gateway-1', device = 'phone') =>
  store.change({
    ...ALICE,
    kind: 'open',
    sessionId,
    gatewayId,
    device,
    activity: 'ONLINE',
    epoch: 0,
    ageMs: 0,
    trace: TRACE,
  });

const choose = (chosen: 'BUSY' | 'INVISIBLE') =>
  store.change({ ...ALICE, kind: 'choose', chosen, trace: '' });

async function explain() {
  const { explanation } = await explainPresence(store, ALICE);
  return explanation!;
}

test('never seen', async () => {
  expect((await explain()).reason).toBe('OFFLINE: no live session; never seen');
});

test('a live session: its time left, its gateway and whether that is alive, its trace, the route', async () => {
  await store.keepLease('gateways', 'gateway-1', 3000);
  await open('a');
  await open('b', 'gateway-2');
  clock.advance(1000);
  const { reason, sessions, routeGatewayIds, transitions } = await explain();
  expect(reason).toBe('ONLINE by activity: 2 live sessions, 2 of them active');
  expect(sessions.map(({ gatewayId, gatewayAlive }) => [gatewayId, gatewayAlive])).toEqual([
    ['gateway-1', true],
    ['gateway-2', false],
  ]);
  expect(sessions[0]).toMatchObject({ remaining: { seconds: 29n }, traceparent: TRACE });
  expect(routeGatewayIds).toEqual(['gateway-1']);
  expect(transitions).toHaveLength(1);
  expect(transitions[0]).toMatchObject({ cause: Cause.CAUSE_OPENED, traceparent: TRACE });
});

test('a choice, and one that hides', async () => {
  await open('a');
  await choose('BUSY');
  expect((await explain()).reason).toBe('BUSY by choice, with 1 live session');
  await choose('INVISIBLE');
  const hidden = await explain();
  expect(hidden.reason).toBe('OFFLINE by choice (INVISIBLE), with 1 live session');
  expect(hidden.chosen).toBe(Status.STATUS_INVISIBLE);
});

test('an expiry names the end and carries the trace of the session that died', async () => {
  await open('a');
  clock.advance(LEASE_TTL_MS + 1);
  await store.look(store.shardOf('alice'), ['alice']);
  const { reason, transitions } = await explain();
  expect(reason).toMatch(
    /^OFFLINE: no live session; the last one ended at .*: its heartbeats stopped$/,
  );
  expect(transitions[0]).toMatchObject({ cause: Cause.CAUSE_EXPIRED, traceparent: TRACE });
});

test('at most 8 transitions, the newest first', async () => {
  await open('a');
  for (let i = 0; i < 6; i++) {
    await choose('BUSY');
    await choose('INVISIBLE');
  }
  const { transitions } = await explain();
  expect(transitions).toHaveLength(8);
  const versions = transitions.map(({ version }) => version);
  expect(versions).toEqual([...versions].sort((a, b) => Number(b - a)));
});

test('as text for a person', async () => {
  await open('a');
  await choose('BUSY');
  clock.advance(1000);
  const text = toText(await explain());
  expect(text).toContain('alice  BUSY by choice, with 1 live session');
  expect(text).toContain('a  ONLINE  29.0 s left  on gateway-1  gateway gone, phone');
  expect(text).toContain('trace 0af7651916cd43dd8448eb211c80319c');
  expect(text).toContain('routes       none: nothing is sent to this user');
});

test('what an earlier version let in cannot tell a terminal what to do, nor begin a line', async () => {
  await open('a', 'gateway-1', '\u001b[2J\u009b31mowned\r\n  status ONLINE');
  const text = toText(await explain());
  expect(text).toContain('\\u001b[2J\\u009b31mowned\\u000d\\u000a  status ONLINE');
  expect(firstUnprintable(text.replaceAll('\n', ''))).toBeUndefined();
});
