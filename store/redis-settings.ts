/** Settings of Redis servers on which promises of the mesh rest. */
import type { RedisConnection, RedisNode } from '../lib/redis/connection.ts';
import { SHARDS_KEY } from './keys.ts';
import { SettingsError, type SettingsProblem } from './settings-error.ts';

interface Rule {
  readonly setting: string;
  readonly wanted: string;
  readonly isGood: (found: string) => boolean;
  /** The value that mends what was found. */
  readonly mend: (found: string) => string;
}

const MIN_VERSION = 7;

const rules: readonly Rule[] = [
  // Evicting a key would be an expiry that nobody settled.
  exactly('maxmemory-policy', 'noeviction'),
  exactly('appendonly', 'yes'),
  exactly('appendfsync', 'everysec'),
  {
    setting: 'notify-keyspace-events',
    wanted: '"Ex" or more',
    isGood: (found) => found.includes('E') && /[xA]/.test(found),
    mend: (found) => [...new Set(`${found}Ex`)].join(''),
  },
  {
    // A session's record is longer than the default of 64; a user's hash would grow several times.
    setting: 'hash-max-listpack-value',
    wanted: '256 or more',
    isGood: (found) => Number(found) >= 256,
    mend: () => '256',
  },
];

function exactly(setting: string, wanted: string): Rule {
  return { setting, wanted, isGood: (found) => found === wanted, mend: () => wanted };
}

/** @throws SettingsError */
export async function checkRedisSettings(
  connection: RedisConnection,
  shardCount: number,
): Promise<void> {
  await connection.send('ping', []);
  const perNode = await Promise.all(connection.nodes('all').map(problemsOf));
  const problems = [...perNode.flat(), ...(await shardProblems(connection, shardCount))];
  if (problems.length > 0) throw new SettingsError(problems);
}

async function problemsOf(node: RedisNode): Promise<SettingsProblem[]> {
  const found = await Promise.all(
    rules.map(async (rule) => {
      const [, value = ''] = (await node.send('config', ['GET', rule.setting])) as string[];
      return { rule, value };
    }),
  );
  const broken = found.filter(({ rule, value }) => !rule.isGood(value));
  return [
    ...(await versionProblems(node)),
    ...broken.map(({ rule, value }) => problemOf(node.address, rule, value)),
  ];
}

function problemOf(address: string, rule: Rule, found: string): SettingsProblem {
  const { setting, wanted } = rule;
  const command = `redis-cli ${flagsFor(address)} CONFIG SET ${setting} ${rule.mend(found)}`;
  return { address, setting, found: found === '' ? '""' : found, wanted, mend: command };
}

function flagsFor(address: string): string {
  const colon = address.lastIndexOf(':');
  return `-h ${address.slice(0, colon)} -p ${address.slice(colon + 1)}`;
}

async function versionProblems({ address, send }: RedisNode): Promise<SettingsProblem[]> {
  const info = (await send('info', ['server'])) as string;
  const found = /^redis_version:(.*)$/m.exec(info)?.[1]?.trim() ?? 'unknown';
  if (Number.parseInt(found, 10) >= MIN_VERSION) return [];
  const wanted = `${MIN_VERSION}.0 or newer`;
  return [{ address, setting: 'its version', found, wanted, mend: 'run a newer redis-server' }];
}

/** With another number of shards users would be looked for where they are not. */
async function shardProblems(
  { send, address }: RedisConnection,
  shardCount: number,
): Promise<SettingsProblem[]> {
  await send('set', [SHARDS_KEY, shardCount, 'NX']);
  const wanted = String(await send('get', [SHARDS_KEY]));
  if (wanted === String(shardCount)) return [];
  const mend = `set MESH_SHARDS=${wanted}, with which its data were written`;
  return [{ address, setting: 'MESH_SHARDS', found: String(shardCount), wanted, mend }];
}
