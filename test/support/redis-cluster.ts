/** A Redis Cluster of three masters for a test: up in about a second. */
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { startRedis, type TestRedis } from './redis.ts';

export interface TestRedisCluster extends AsyncDisposable {
  readonly masters: readonly TestRedis[];
  readonly urls: readonly string[];
  /** Resolves when the servers know of another one, a replica of the first. Closed with the cluster. */
  addReplica(settings: Readonly<Record<string, string>>): Promise<TestRedis>;
}

const MASTERS = 3;
const SLOTS = 16_384;

export async function startRedisCluster(): Promise<TestRedisCluster> {
  const masters: TestRedis[] = [];
  const replicas: TestRedis[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all([...masters, ...replicas].map((server) => server[Symbol.asyncDispose]()));
  };
  try {
    while (masters.length < MASTERS) masters.push(await startMember());
    await join(masters);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    masters,
    urls: masters.map(({ url }) => url),
    async addReplica(settings) {
      const replica = await startMember(settings);
      replicas.push(replica);
      await replicate(replica, masters[0]!);
      return replica;
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** Unless told, a node's bus is 10,000 above its port, which may be no port at all. */
async function startMember(settings: Readonly<Record<string, string>> = {}): Promise<TestRedis> {
  const busPort = String(await freePort());
  const member = { 'cluster-enabled': 'yes', 'cluster-port': busPort };
  return startRedis({ settings: { ...member, ...settings } });
}

async function replicate(replica: TestRedis, master: TestRedis): Promise<void> {
  const [admin, known] = [new Redis(replica.url), new Redis(master.url)];
  try {
    const [, busPort] = (await known.config('GET', 'cluster-port')) as [string, string];
    await admin.call('CLUSTER', 'MEET', '127.0.0.1', master.port, busPort);
    const masterId = (await known.call('CLUSTER', 'MYID')) as string;
    await eventually(() => admin.call('CLUSTER', 'REPLICATE', masterId));
    await eventually(async () => {
      const nodes = (await known.call('CLUSTER', 'NODES')) as string;
      const line = nodes.split('\n').find((node) => node.includes(`:${replica.port}@`));
      return line?.includes('slave') && line.includes(' connected');
    });
  } finally {
    admin.disconnect();
    known.disconnect();
  }
}

async function join(masters: readonly TestRedis[]): Promise<void> {
  const admins = masters.map(({ url }) => new Redis(url));
  const [first] = admins;
  try {
    for (const [index, admin] of admins.entries()) {
      const [from, to] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / MASTERS));
      await admin.cluster('ADDSLOTSRANGE', from!, to! - 1);
      const [, busPort] = (await admin.config('GET', 'cluster-port')) as [string, string];
      const { port } = masters[index]!;
      if (admin !== first) await first!.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
    }
    for (const admin of admins) {
      await eventually(async () => {
        const info = await admin.cluster('INFO');
        return /cluster_state:ok/.test(info) && info.includes(`cluster_known_nodes:${MASTERS}`);
      });
    }
  } finally {
    for (const admin of admins) admin.disconnect();
  }
}
