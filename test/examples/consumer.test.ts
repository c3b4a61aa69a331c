/**
 * The example of an internal service, as a process: killed with SIGKILL in the middle, again and again, it misses
 * nothing and its table is right. Beside it a follower that is never killed, which tells what there was to see.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Status } from '../../gen/presence/v1/presence.ts';
import type {
  PresenceServiceClient,
  WatchPresenceResponse,
} from '../../gen/presence/v1/presence_service.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { openPresence } from '../support/clients.ts';
import { connect, type EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import { startEmbedded, type MeshPart } from '../support/mesh.ts';
import { packageRoot } from '../support/package-root.ts';
import type { TestRedis } from '../support/redis.ts';
import { temporaryDir } from '../support/server.ts';
import { startStack } from '../support/stack.ts';

const MAIN = join(packageRoot(), 'dist', 'examples', 'consumer', 'main.js');
const USERS = Array.from({ length: 12 }, (_, i) => `user-${i}`);
const KILLS = 3;
const CHANGES_A_LIFE = 60;
const SETTINGS = { MESH_CLOSE_GRACE_MS: '200' };

interface Mesh {
  /** Where it is a server. */
  readonly redis?: TestRedis;
  /** Where presence is a process of its own. */
  readonly presencePart?: MeshPart;
  readonly presenceAddress: string;
  readonly gatewayAddress: string;
}

async function startReal(disposer: Disposer): Promise<Mesh> {
  const { mesh, redis } = disposer.add(await startStack({ settings: SETTINGS }));
  return {
    redis,
    presencePart: mesh.presence[0]!,
    presenceAddress: mesh.presence[0]!.address,
    gatewayAddress: mesh.gateways[0]!.address,
  };
}

async function startInOneProcess(disposer: Disposer): Promise<Mesh> {
  const mesh = disposer.add(await startEmbedded(SETTINGS));
  return { presenceAddress: mesh.grpcAddress, gatewayAddress: mesh.address };
}

interface Consumer {
  readonly child: ChildProcess;
  /** What it printed. */
  readonly lines: readonly string[];
  readonly problems: () => string;
}

describe.each([
  ['npm start', startInOneProcess],
  ['the real stack', startReal],
])('on %s', (_, start) => {
  let disposer: Disposer;
  let mesh: Mesh;
  let presence: ClientPool<PresenceServiceClient>;
  let file: string;
  let running: ChildProcess | undefined;

  beforeAll(async () => {
    disposer = createDisposer();
    mesh = await start(disposer);
    presence = openPresence(mesh.presenceAddress);
    disposer.defer(() => presence[Symbol.dispose]());
    const dir = await temporaryDir('consumer');
    disposer.defer(() => rm(dir, { recursive: true }));
    file = join(dir, 'last-seen.json');
  }, 180_000);
  afterAll(async () => disposer[Symbol.asyncDispose](), 60_000);

  beforeEach(() => rm(file, { force: true }));
  afterEach(() => kill());

  function run(...userIds: readonly string[]): Consumer {
    const args = [MAIN, '--presence', mesh.presenceAddress, '--file', file, ...userIds];
    const child = (running = spawn(process.execPath, args));
    const lines: string[] = [];
    let [rest, problems] = ['', ''];
    child.stdout.on('data', (data: Buffer) => {
      const parts = (rest + data.toString()).split('\n');
      rest = parts.pop()!;
      lines.push(...parts);
    });
    child.stderr.on('data', (data: Buffer) => (problems += data.toString()));
    return { child, lines, problems: () => problems };
  }

  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<unknown> {
    const child = running;
    running = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return undefined;
    const closed = once(child, 'close');
    child.kill(signal);
    return (await closed)[0];
  }

  interface Table {
    readonly cursor: string;
    readonly rows: readonly { userId: string; status: string; version?: string }[];
  }
  const table = async () => JSON.parse(await readFile(file, 'utf8')) as Table;

  /** As presence itself has them. */
  async function expectTableRight(userIds: readonly string[]): Promise<void> {
    const { presences } = await presence.unary((to) => to.getPresence, { userIds: [...userIds] });
    const { rows } = await table();
    const known = new Map(
      rows.map(({ userId, status, version = '0' }) => [userId, [status, version]]),
    );
    expect(userIds.map((userId) => known.get(userId))).toEqual(
      presences.map(({ status, version }) => [nameOf(status), String(version)]),
    );
  }

  const choose = (userId: string, value: Status) =>
    presence.unary(
      (to) => to.setStatus,
      { userId, change: { $case: 'chosen', value } },
      { timeoutMs: 60_000 },
    );

  /** `user version` of every change there is, as a follower sees it that lives on. */
  async function followAll(): Promise<readonly string[]> {
    const seen: string[] = [];
    const call = presence.clients[0]!.client.watchPresence({ cursor: '', userIds: USERS });
    const begun = once(call, 'data');
    call.on('data', ({ transition }: WatchPresenceResponse) => {
      if (transition) seen.push(`${transition.userId} ${transition.version}`);
    });
    call.on('error', () => undefined);
    disposer.defer(() => call.cancel());
    await begun;
    return seen;
  }

  test('killed in the middle again and again, it misses nothing and its table is right', async () => {
    const all = await followAll();
    const printed: string[] = [];
    using clients = await connectAll(mesh.gatewayAddress);
    const churn = startChurn(choose);
    for (let life = 0; life < KILLS; life++) {
      const consumer = run(...USERS);
      // So many that it is in the middle of things, and nothing is idle while it is dead.
      await eventually(() => consumer.lines.length >= CHANGES_A_LIFE, { timeoutMs: 60_000 });
      await kill();
      printed.push(...consumer.lines);
      const before = all.length;
      await eventually(() => all.length >= before + CHANGES_A_LIFE, { timeoutMs: 60_000 });
    }
    const last = run(...USERS);
    await eventually(() => last.lines.length > CHANGES_A_LIFE, { timeoutMs: 60_000 });
    expect(last.lines[0]).toMatch(/^going on from cursor \d/);
    await churn.stop();
    clients.get(USERS[0]!)!.send({ logout: {} });
    await eventually(() => expectTableRight(USERS));
    expect(await kill('SIGTERM')).toBe(0);
    await expectTableRight(USERS);
    // Only now all that it printed has come.
    printed.push(...last.lines);
    expect(missedIn(printed, all)).toEqual([]);
  }, 600_000);

  test('it looks up whom it does not know, and forgets whom it is not asked for', async () => {
    using client = await connect(mesh.gatewayAddress, 'known');
    const first = run('known', 'never-seen');
    await eventually(() => expectTableRight(['known', 'never-seen']));
    await eventually(() =>
      expect(first.lines.at(-1)).toMatch(
        /^never-seen OFFLINE version \d+, never seen \(1 of 2 online\)$/,
      ),
    );
    await kill();
    client.send({ setStatus: { status: 'STATUS_BUSY' } });
    const second = run('known', 'other');
    await eventually(() => second.lines.some((line) => line.startsWith('known BUSY')));
    await eventually(() => expectTableRight(['known', 'other']));
    expect((await table()).rows.map(({ userId }) => userId).sort()).toEqual(['known', 'other']);
  });

  test('it keeps a newer cursor while its users are quiet and others are not', async () => {
    using quiet = await connect(mesh.gatewayAddress, 'quiet');
    using restless = await connect(mesh.gatewayAddress, 'restless');
    run('quiet');
    await eventually(() => expectTableRight(['quiet']));
    const before = (await table()).cursor;
    const turn = [Status.STATUS_BUSY, Status.STATUS_AWAY];
    for (let i = 0; i < 1100; i++) await choose('restless', turn[i % turn.length]!);
    await eventually(async () => expect((await table()).cursor).not.toBe(before), {
      timeoutMs: 60_000,
    });
    await expectTableRight(['quiet']);
    expect([quiet.closed, restless.closed]).toEqual([undefined, undefined]);
  }, 180_000);

  if (start === startReal) {
    test('it goes on when presence has been away', async () => {
      using before = await connect(mesh.gatewayAddress, 'patient');
      const consumer = run('patient');
      await eventually(() => expectTableRight(['patient']));
      await mesh.presencePart!.kill();
      await eventually(() => expect(consumer.problems()).toContain('trying again'));
      await mesh.presencePart!.start();
      // A gateway that has long been without presence has sent its clients away, and takes none for a moment.
      const readyUrl = `http://${mesh.gatewayAddress}/readyz`;
      const headers = { connection: 'close' };
      await eventually(async () => expect((await fetch(readyUrl, { headers })).ok).toBe(true));
      using again = await connect(mesh.gatewayAddress, 'patient');
      await eventually(() => choose('patient', Status.STATUS_BUSY));
      await eventually(() => expect(consumer.lines.at(-1)).toContain('patient BUSY'));
      await eventually(() => expectTableRight(['patient']));
      expect([before, again].map(({ userId }) => userId)).toEqual(['patient', 'patient']);
    });

    test('what Redis loses, while it looks on or is away, is looked up again', async () => {
      // Nobody is there who would tell of these again: all that Redis had is gone.
      const users = ['here', 'gone'];
      for (const userId of users) {
        using client = await connect(mesh.gatewayAddress, userId);
        client.send({ logout: {} });
        await eventually(() => expect(client.closed).toBeDefined());
      }
      const patience = { timeoutMs: 90_000 };
      run(...users);
      await eventually(() => expectTableRight(users), patience);
      const versions = async () => (await table()).rows.map(({ version }) => version);
      for (const isAway of [false, true]) {
        const before = await versions();
        if (isAway) await kill();
        await wipe(mesh.redis!);
        await eventually(
          () => presence.unary((to) => to.getPresence, { userIds: users }),
          patience,
        );
        if (isAway) run(...users);
        await eventually(() => expectTableRight(users), patience);
        const after = await versions();
        before.forEach((version, i) => expect(BigInt(after[i]!)).toBeGreaterThan(BigInt(version!)));
      }
    }, 600_000);
  }

  test('what cannot work is told in words', async () => {
    const none = run();
    expect((await once(none.child, 'close'))[0]).toBe(2);
    expect(none.problems()).toContain('Name the users to follow.');
    const bad = run('a b');
    expect((await once(bad.child, 'close'))[0]).toBe(1);
    expect(bad.problems()).toContain('user_ids[0]');
  });

  test.each(['', '{"cursor":', 'null', '{}', '{"cursor":"","rows":[{"version":"x"}]}'])(
    'a damaged file, %j, is named and left as it is',
    async (text) => {
      await writeFile(file, text);
      const { child, problems } = run('alice');
      expect((await once(child, 'close'))[0]).toBe(1);
      expect(problems()).toContain(`${file} is damaged`);
      expect(await readFile(file, 'utf8')).toBe(text);
    },
  );
});

/** Killed, it comes back with nothing. */
async function wipe(redis: TestRedis): Promise<void> {
  await redis.kill();
  const data = join(redis.spec.dir, 'data');
  await rm(data, { recursive: true });
  await mkdir(data);
  await redis.start();
}

const nameOf = (status: Status): string =>
  Object.entries(Status).find(([, value]) => value === status)![0];

interface Clients extends Disposable {
  get(userId: string): EdgeClient | undefined;
}

async function connectAll(address: string): Promise<Clients> {
  const clients = new Map<string, EdgeClient>();
  for (const userId of USERS) clients.set(userId, await connect(address, userId));
  return {
    get: (userId) => clients.get(userId),
    [Symbol.dispose]: () => clients.forEach((client) => client[Symbol.dispose]()),
  };
}

/** One user after the other chooses another status, as fast as presence answers. */
function startChurn(choose: (userId: string, status: Status) => Promise<unknown>) {
  const turn = [Status.STATUS_BUSY, Status.STATUS_AWAY, Status.STATUS_INVISIBLE];
  let isStopping = false;
  const run = async (): Promise<void> => {
    for (let i = 0; !isStopping; i++) {
      const round = Math.floor(i / USERS.length);
      await choose(USERS[i % USERS.length]!, turn[round % turn.length]!);
    }
  };
  const running = run();
  return {
    stop: async () => {
      isStopping = true;
      await running;
    },
  };
}

/** Of each user, what came after what was printed first (by the look-up at the start) and is in none of the lines. */
function missedIn(lines: readonly string[], all: readonly string[]): string[] {
  const printed = new Set<string>();
  const firstOf = new Map<string, bigint>();
  for (const line of lines) {
    const [, user, version] = /^(\S+) [A-Z]+ version (\d+)/.exec(line) ?? [];
    if (user === undefined) continue;
    printed.add(`${user} ${version!}`);
    if (!firstOf.has(user)) firstOf.set(user, BigInt(version!));
  }
  expect(firstOf.size).toBe(USERS.length);
  return all.filter((change) => {
    const [user, version] = change.split(' ');
    return BigInt(version!) > firstOf.get(user!)! && !printed.has(change);
  });
}
