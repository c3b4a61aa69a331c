/** Where the command line finds presence. */
import { PresenceServiceClient } from '../gen/presence/v1/presence_service.ts';
import { systemClock as clock } from '../lib/clock.ts';
import { readSettings, type Environment } from '../lib/config.ts';
import { createClientPool, type ClientPool } from '../lib/grpc/client.ts';
import { gatewaySettings } from '../gateway/config.ts';
import { knownNames } from './settings.ts';

const DEFAULT_ADDRESS = '127.0.0.1:50051';

/** @throws ConfigError */
export function presencePool(env: Environment): ClientPool<PresenceServiceClient> {
  const { MESH_PRESENCE_ADDRS } = gatewaySettings;
  const settings = readSettings({ MESH_PRESENCE_ADDRS }, env, knownNames);
  return createClientPool({
    service: PresenceServiceClient,
    name: 'presence',
    addresses: settings.MESH_PRESENCE_ADDRS ?? [DEFAULT_ADDRESS],
    clock,
  });
}
