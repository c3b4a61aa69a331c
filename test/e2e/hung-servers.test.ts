/** Redis, Kafka or Dgraph hangs (SIGSTOP) and goes on: the parts say so meanwhile, and recover by themselves. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { openGraph } from '../support/clients.ts';
import { connect, type EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import { startStack, type Stack } from '../support/stack.ts';

const HEARTBEAT_MS = 500;
/** For a machine that is slow: nothing that is asserted depends on it. */
const PATIENCE_MS = 90_000;

let disposer: Disposer;
let stack: Stack;
let graph: ClientPool<GraphServiceClient>;
/** Those that hang. */
let stopped: readonly number[] = [];

beforeAll(async () => {
  disposer = createDisposer();
  const settings = { MESH_HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS) };
  stack = disposer.add(await startStack({ settings }));
  graph = openGraph(...stack.mesh.graph.map(({ address }) => address));
  disposer.defer(() => graph[Symbol.dispose]());
}, 180_000);

let run = 0;
beforeEach(() => {
  run++;
});
afterEach(goOn);
afterAll(async () => disposer[Symbol.asyncDispose]());

function hang(pids: readonly number[]): void {
  stopped = pids;
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
}

function goOn(): void {
  for (const pid of stopped) process.kill(pid, 'SIGCONT');
  stopped = [];
}

const user = (name: string): string => `server${run}-${name}`;
const open = (name: string): Promise<EdgeClient> =>
  connect(stack.mesh.gateways[0]!.address, user(name), { heartbeatMs: HEARTBEAT_MS });

const patiently = <T>(attempt: () => Promise<T>): Promise<T> =>
  eventually(attempt, { timeoutMs: PATIENCE_MS, intervalMs: 200 });

async function befriend(a: string, b: string): Promise<void> {
  const request = { userId: user(a), friendUserId: user(b) };
  await patiently(() => graph.unary((to) => to.befriend, request, { timeoutMs: 10_000 }));
}

/** What keeps the gateway and fanout from serving, in their words; '' when nothing does. */
async function problems(): Promise<string> {
  const { gateways, fanout } = stack.mesh;
  const answers = await Promise.all(
    [...gateways, ...fanout].map(({ address }) => fetch(`http://${address}/readyz`)),
  );
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  return texts.filter((_, i) => !answers[i]!.ok).join('\n');
}

test.each([
  ['Redis', () => stack.redis.pids(), /redis|lease|presence/],
  ['Kafka', () => stack.kafka.pids(), /bus|kafka/i],
  ['Dgraph', () => stack.dgraph.pids(), /graph/],
])(
  '%s hangs and goes on',
  async (_, pidsOf, says) => {
    await befriend('alice', 'bob');
    const before = [await open('alice'), await open('bob')];
    await before[0]!.sees(user('bob'), 'STATUS_ONLINE', PATIENCE_MS);

    hang(pidsOf());
    before[1]!.send({ setStatus: { status: 'STATUS_AWAY' } });
    await patiently(async () => expect(await problems()).toMatch(says));
    goOn();
    await patiently(async () => expect(await problems()).toBe(''));
    before.forEach((client) => client[Symbol.dispose]());

    await befriend('alice', 'carol');
    using alice = await patiently(() => open('alice'));
    using bob = await patiently(() => open('bob'));
    using carol = await patiently(() => open('carol'));
    for (const status of ['STATUS_BUSY', 'STATUS_AWAY', 'STATUS_ONLINE']) {
      for (const friend of [bob, carol]) friend.send({ setStatus: { status } });
      await alice.sees(bob.userId, status, PATIENCE_MS);
      await alice.sees(carol.userId, status, PATIENCE_MS);
    }
    expect([alice, bob, carol].map(({ closed }) => closed)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  },
  300_000,
);
