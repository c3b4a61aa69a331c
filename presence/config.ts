import { ConfigError, port, readSettings, wholeNumber, type Environment } from '../lib/config.ts';
import { grpcSettings } from '../lib/grpc/config.ts';
import { kafkaSettings } from '../lib/kafka/config.ts';
import { storeSettings } from '../store/config.ts';

/** Settings of presence as a process of its own. */
export const presenceSettings = {
  ...storeSettings,
  ...kafkaSettings,
  MESH_GRPC_PORT: port(50_051).describe('gRPC port; 0 means any free one'),
  ...grpcSettings,
  MESH_CLOSE_GRACE_MS: wholeNumber(5000, 0, 3_600_000).describe(
    'how long a session lives on after its socket closed, ms',
  ),
};

export type PresenceSettings = ReturnType<typeof readPresenceSettings>;

/** @throws ConfigError */
export function readPresenceSettings(env: Environment, known: readonly string[]) {
  const settings = readSettings(presenceSettings, env, known);
  const { MESH_REDIS_URL: redisUrls } = settings;
  if (redisUrls) return { ...settings, redisUrls };
  throw new ConfigError([
    'MESH_REDIS_URL: presence keeps its leases in Redis; set it, as in redis://127.0.0.1:6379, or run all parts with mesh up',
  ]);
}
