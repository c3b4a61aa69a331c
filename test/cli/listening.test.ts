/** Parts as processes: who can reach them. gRPC asks nobody who they are, so only this machine does by itself. */
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { ServerSpec } from '../../cli/stack/server.ts';
import { isPortTaken } from '../../cli/stack/probes.ts';
import { freePort } from '../support/free-port.ts';
import { packageRoot } from '../support/package-root.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Another address of this machine, as one of its network would be. */
const ELSEWHERE = '127.0.0.2';
/** Nobody listens there: a part serves, though it is not ready. */
const NOWHERE = '127.0.0.1:1';
const SERVERS = {
  MESH_REDIS_URL: `redis://${NOWHERE}`,
  MESH_KAFKA_BROKERS: NOWHERE,
  MESH_DGRAPH_URL: `dgraph://${NOWHERE}`,
  MESH_PRESENCE_ADDRS: NOWHERE,
  MESH_GRAPH_ADDRS: NOWHERE,
  MESH_AUTH: 'dev',
};
const SECRET = 'a secret of at least thirty-two bytes';
const SIGNED = { MESH_AUTH: 'jwt', MESH_JWT_SECRET: SECRET };

type Settings = Readonly<Record<string, string>>;

function describePart(part: string, dir: string, port: number, settings: Settings): ServerSpec {
  const env = { ...SERVERS, MESH_GRPC_PORT: String(port), MESH_HTTP_PORT: String(port) };
  return {
    name: part,
    address: `127.0.0.1:${port}`,
    ports: [port],
    env: {},
    dir,
    prepare: () => Promise.resolve(),
    processes: [
      {
        name: part,
        command: process.execPath,
        args: [join(packageRoot(), 'bin', 'mesh.js'), part],
        env: { ...env, ...settings },
        probe: async () => {
          if (!(await isPortTaken(port))) throw new Error(`nobody listens on ${port} yet`);
        },
      },
    ],
  };
}

function reaches(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (isReached: boolean): void => {
      socket.destroy();
      resolve(isReached);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

async function isReachedFromElsewhere(part: string, settings: Settings = {}): Promise<boolean> {
  const port = await freePort();
  const start = (): Promise<TestServer> =>
    startServer(part, (dir) => describePart(part, dir, port, settings));
  await using running = await start();
  expect(running.pids()).toHaveLength(1);
  return await reaches(ELSEWHERE, port);
}

test.each(['presence', 'graph', 'fanout', 'gateway'])(
  '%s is reached from this machine alone',
  async (part) => {
    expect(await isReachedFromElsewhere(part)).toBe(false);
  },
  60_000,
);

test.each([
  ['presence', { MESH_GRPC_HOST: '0.0.0.0' }],
  ['graph', { MESH_GRPC_HOST: '::' }],
  ['fanout', { MESH_HTTP_HOST: '0.0.0.0' }],
  ['gateway', SIGNED],
])(
  '%s is reached from elsewhere where that is said',
  async (part, settings) => {
    expect(await isReachedFromElsewhere(part, settings)).toBe(true);
  },
  60_000,
);

test('a gateway with signed tokens stays on loopback where that is said', async () => {
  const settings = { ...SIGNED, MESH_HTTP_HOST: '127.0.0.1' };
  expect(await isReachedFromElsewhere('gateway', settings)).toBe(false);
}, 60_000);
