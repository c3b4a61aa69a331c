/** A Redis Cluster of three masters for a test: up in about a second. */
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { startRedis, type TestRedis } from './redis.ts';

export interface TestRedisCluster extends AsyncDisposable {
  readonly masters: readonly TestRedis[];
  readonly urls: readonly string[];
}

const MASTERS = 3;
const SLOTS = 16_384;

export async function startRedisCluster(): Promise<TestRedisCluster> {
  const masters: TestRedis[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(masters.map((master) => master[Symbol.asyncDispose]()));
  };
  try {
    while (masters.length < MASTERS) masters.push(await startMaster());
    await join(masters);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { masters, urls: masters.map(({ url }) => url), [Symbol.asyncDispose]: dispose };
}

/** Unless told, a node's bus is 10,000 above its port, which may be no port at all. */
async function startMaster(): Promise<TestRedis> {
  const busPort = String(await freePort());
  return startRedis({ settings: { 'cluster-enabled': 'yes', 'cluster-port': busPort } });
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
