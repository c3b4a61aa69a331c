import { z } from 'zod';
import {
  ConfigError,
  hostPorts,
  port,
  readSettings,
  wholeNumber,
  type Environment,
} from '../lib/config.ts';
import { grpcSettings } from '../lib/grpc/config.ts';

const DGRAPH_URL = /^dgraph:\/\/(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/;

/** Settings of graph as a process of its own. */
export const graphSettings = {
  MESH_DGRAPH_URL: z
    .string()
    .regex(DGRAPH_URL, 'must be dgraph://host:port of an alpha, as in dgraph://127.0.0.1:9080')
    .optional()
    .describe('Dgraph: gRPC address of an alpha; no default'),
  MESH_PRESENCE_ADDRS: hostPorts('127.0.0.1:50051').describe(
    'presence processes, host:port, comma-separated',
  ),
  MESH_GRPC_PORT: port(50_052).describe('gRPC port; 0 means any free one'),
  ...grpcSettings,
  MESH_PUSH_MAX_FOLLOWERS: wholeNumber(5000, 1, 1_000_000).describe(
    'followers up to which a user is pushed to them; above, followers ask (back at 90 %)',
  ),
};

/** @throws ConfigError */
export function readGraphSettings(env: Environment, known: readonly string[]) {
  const settings = readSettings(graphSettings, env, known);
  const { MESH_DGRAPH_URL: dgraphUrl, MESH_PRESENCE_ADDRS: presenceAddrs } = settings;
  if (dgraphUrl && presenceAddrs) return { ...settings, dgraphUrl, presenceAddrs };
  throw new ConfigError([
    ...(dgraphUrl
      ? []
      : [
          'MESH_DGRAPH_URL: graph keeps its edges in Dgraph; set it to an alpha, as in dgraph://127.0.0.1:9080, or run all parts with mesh up',
        ]),
    ...(presenceAddrs
      ? []
      : [
          'MESH_PRESENCE_ADDRS: graph announces changed edges through presence; set it, as in 127.0.0.1:50051',
        ]),
  ]);
}

export type GraphSettings = ReturnType<typeof readGraphSettings>;

/** host:port of a Dgraph URL. */
export function dgraphAddress(url: string): string {
  return url.slice('dgraph://'.length);
}
