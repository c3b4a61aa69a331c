/**
 * A whole social network on the real stack: 2 gateways, 2 presence, 2 fanout, 1 graph, everybody connected. One client
 * is frozen, then a fanout worker is killed while statuses change.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFriendships, type Friendships } from '../../bench/support/friendships.ts';
import { importFriendships } from '../../bench/support/import-friendships.ts';
import { GatewayRecord } from '../../gen/fanout/v1/messages.ts';
import type { PresenceServiceClient } from '../../gen/presence/v1/presence_service.ts';
import { Status } from '../../gen/presence/v1/presence.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import { createKafkaBus } from '../../lib/kafka/kafka-bus.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { openPresence } from '../support/clients.ts';
import { connect, type EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import type { Mesh } from '../support/mesh.ts';
import { temporaryDir } from '../support/server.ts';
import { startStack } from '../support/stack.ts';

const HEARTBEAT_MS = 5000;
const LEASE_TTL_MS = 20_000;
const AT_ONCE = 40;
const MINUTE_MS = 60_000;

let disposer: Disposer;
let mesh: Mesh;
let friendships: Friendships;
let friendsOf: Map<string, Set<string>>;
let presence: ClientPool<PresenceServiceClient>;
/** Everybody but the victim, who is a process of its own. */
const clients = new Map<string, EdgeClient>();
let victim: string;
let frozen: ChildProcess;
/** Gateway's topic → recipients told of the victim. */
const told = new Map<string, string[]>();

const gatewayOf = (user: string): number => Number(user) % 2;

beforeAll(async () => {
  disposer = createDisposer();
  const stack = disposer.add(
    await startStack({
      counts: { gateway: 2, presence: 2, fanout: 2, graph: 1 },
      settings: {
        MESH_LEASE_TTL_MS: String(LEASE_TTL_MS),
        MESH_HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS),
      },
    }),
  );
  mesh = stack.mesh;
  presence = openPresence(...mesh.presence.map(({ address }) => address));
  disposer.defer(() => presence[Symbol.dispose]());
  await loadGraph();
  await followTopics(stack.kafka.brokers);
  await everybodyConnects();
}, 10 * MINUTE_MS);

afterAll(async () => {
  for (const client of clients.values()) client[Symbol.dispose]();
  if (frozen.exitCode === null && frozen.signalCode === null) {
    frozen.kill('SIGKILL');
    await once(frozen, 'exit');
  }
  await disposer[Symbol.asyncDispose]();
}, MINUTE_MS);

async function loadGraph(): Promise<void> {
  friendships = await readFriendships(await temporaryDir('graph'));
  friendsOf = new Map();
  for (const [a, b] of friendships.pairs) {
    addFriend(String(a), String(b));
    addFriend(String(b), String(a));
  }
  await importFriendships(friendships, mesh.graph[0]!.address);
  // As ordinary as most: the median number of friends.
  const byFriends = [...friendsOf].sort(([, a], [, b]) => a.size - b.size);
  victim = byFriends[Math.floor(byFriends.length / 2)]![0];
}

function addFriend(user: string, friend: string): void {
  const friends = friendsOf.get(user) ?? new Set();
  friendsOf.set(user, friends.add(friend));
}

async function followTopics(brokers: string): Promise<void> {
  const bus = disposer.add(createKafkaBus({ brokers: [brokers], clientId: 'test', clock }));
  for (const topic of await bus.listTopics('presence-updates.')) {
    const recipients: string[] = [];
    told.set(topic, recipients);
    await bus.read(topic, {
      from: 'latest',
      onRecord: ({ value }) => {
        const { payload } = GatewayRecord.decode(value);
        if (payload?.$case !== 'delivery' || payload.value.change?.$case !== 'update') return;
        const { userId, status } = payload.value.change.value;
        if (userId !== victim || status !== Status.STATUS_OFFLINE) return;
        recipients.push(...payload.value.recipientUserIds);
      },
      onCrash: (error) => {
        throw error;
      },
    });
  }
}

const VICTIM = `
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(process.argv[1]);
  socket.on('open', () => setInterval(() => socket.send('{"heartbeat":{}}'), 1000));
`;

async function everybodyConnects(): Promise<void> {
  const waiting = [...friendsOf.keys()].filter((user) => user !== victim);
  const connectAll = async (): Promise<void> => {
    for (let user = waiting.pop(); user !== undefined; user = waiting.pop()) {
      const { address } = mesh.gateways[gatewayOf(user)]!;
      clients.set(user, await connect(address, user, { heartbeatMs: HEARTBEAT_MS }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, connectAll));
  const { address } = mesh.gateways[gatewayOf(victim)]!;
  const url = `ws://${address}/v1/ws?access_token=dev:${victim}`;
  frozen = spawn(process.execPath, ['--input-type=module', '-e', VICTIM, url], { stdio: 'ignore' });
}

const friends = (): EdgeClient[] => [...friendsOf.get(victim)!].map((user) => clients.get(user)!);

test('everybody is connected, and sees exactly their friends', () => {
  expect(clients.size).toBe(friendships.users - 1);
  for (const client of clients.values()) {
    expect(client.closed).toBeUndefined();
    expect(client.view.size).toBe(friendsOf.get(client.userId)!.size);
  }
});

test(
  'a client stopped with SIGSTOP is seen OFFLINE by exactly its connected friends',
  async () => {
    for (const friend of friends()) await friend.sees(victim, 'STATUS_ONLINE', MINUTE_MS);
    frozen.kill('SIGSTOP');
    for (const friend of friends()) await friend.sees(victim, 'STATUS_OFFLINE', MINUTE_MS);
    const names = new Set(friends().map(({ userId }) => userId));
    const others = [...clients.values()].filter(({ userId }) => !names.has(userId));
    for (const other of others) expect(other.view.has(victim)).toBe(false);
    await eventually(() => {
      for (const [topic, recipients] of told) {
        const gateway = mesh.gateways.findIndex(({ port }) => topic.includes(`gateway-${port}`));
        const there = [...names].filter((user) => gatewayOf(user) === gateway);
        expect([...new Set(recipients)].sort()).toEqual(there.sort());
      }
    });
  },
  5 * MINUTE_MS,
);

const STATUSES = [Status.STATUS_BUSY, Status.STATUS_AWAY, Status.STATUS_ONLINE];
const NAMES = ['STATUS_BUSY', 'STATUS_AWAY', 'STATUS_ONLINE'];

test(
  'a fanout worker killed in the middle of 600 changes loses none',
  async () => {
    const subjects = [...clients.keys()].filter((_, i) => i % 20 === 0);
    const last = new Map<string, number>();
    let changes = 0;
    for (let round = 0; round < 3; round++) {
      for (const [i, userId] of subjects.entries()) {
        const choice = (round + i) % STATUSES.length;
        const change = { $case: 'chosen', value: STATUSES[choice]! } as const;
        await presence.unary(
          (client) => client.setStatus,
          { userId, change },
          { timeoutMs: MINUTE_MS },
        );
        last.set(userId, choice);
        if (++changes === 300) await mesh.fanout[0]!.kill();
      }
    }
    expect(changes).toBeGreaterThan(500);
    for (const [subject, choice] of last) {
      for (const friend of friendsOf.get(subject)!) {
        await clients.get(friend)?.sees(subject, NAMES[choice]!, MINUTE_MS);
      }
    }
  },
  5 * MINUTE_MS,
);
