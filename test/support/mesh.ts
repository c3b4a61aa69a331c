/** The mesh as separate processes over real servers, for end-to-end tests and benchmarks. */
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import type { ProcessSpec, ServerSpec } from '../../cli/stack/server.ts';
import {
  HealthCheckResponse_ServingStatus,
  HealthClient,
} from '../../gen/grpc/health/v1/health.ts';
import { freePort } from './free-port.ts';
import { packageRoot } from './package-root.ts';
import { startServer, type TestServer } from './server.ts';

export type PartName = 'presence' | 'graph' | 'fanout' | 'gateway';

export interface MeshPart extends TestServer {
  readonly part: PartName;
  readonly port: number;
  /** host:port of its gRPC or HTTP. */
  readonly address: string;
}

export interface MeshOptions {
  readonly redisUrl: string;
  readonly brokers: string;
  readonly dgraphUrl: string;
  /** How many of each; default 1. */
  readonly counts?: Partial<Record<PartName, number>>;
  /** More MESH_ settings, for every part. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface Mesh extends AsyncDisposable {
  readonly presence: readonly MeshPart[];
  readonly graph: readonly MeshPart[];
  readonly fanout: readonly MeshPart[];
  readonly gateways: readonly MeshPart[];
}

const MESH = join(packageRoot(), 'bin', 'mesh.js');

export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const presencePorts = await ports(options.counts?.presence);
  const graphPorts = await ports(options.counts?.graph);
  const env = {
    MESH_REDIS_URL: options.redisUrl,
    MESH_KAFKA_BROKERS: options.brokers,
    MESH_DGRAPH_URL: options.dgraphUrl,
    MESH_PRESENCE_ADDRS: presencePorts.map(addressOf).join(','),
    MESH_GRAPH_ADDRS: graphPorts.map(addressOf).join(','),
    MESH_AUTH: 'dev',
    ...options.settings,
  };
  const started: MeshPart[] = [];
  const start = async (part: PartName, onPorts: readonly number[]): Promise<MeshPart[]> => {
    const parts = await Promise.all(onPorts.map((port) => startPart(part, port, env)));
    started.push(...parts);
    return parts;
  };
  const dispose = async (): Promise<void> => {
    await Promise.all(started.reverse().map((part) => part[Symbol.asyncDispose]()));
  };
  try {
    const presence = await start('presence', presencePorts);
    const graph = await start('graph', graphPorts);
    const fanout = await start('fanout', await ports(options.counts?.fanout));
    const gateways = await start('gateway', await ports(options.counts?.gateway));
    return { presence, graph, fanout, gateways, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

export interface EmbeddedMesh extends TestServer {
  /** host:port of its WebSocket, HTTP and health. */
  readonly address: string;
  /** host:port of all its gRPC services. */
  readonly grpcAddress: string;
}

/** `mesh up`: everything in one process, with the in-process adapter of each server that `settings` does not name. */
export async function startEmbedded(
  settings: Readonly<Record<string, string>> = {},
): Promise<EmbeddedMesh> {
  const [httpPort, grpcPort] = [await freePort(), await freePort()];
  const env = { ...settings, MESH_HTTP_PORT: String(httpPort), MESH_GRPC_PORT: String(grpcPort) };
  const address = addressOf(httpPort);
  const server = await startServer('up', (dir) =>
    single(dir, address, [httpPort, grpcPort], {
      name: 'up',
      command: globalThis.process.execPath,
      args: [MESH, 'up'],
      env,
      probe: () => ready(address),
    }),
  );
  return { ...server, address, grpcAddress: addressOf(grpcPort) };
}

function single(
  dir: string,
  address: string,
  onPorts: readonly number[],
  process: ProcessSpec,
): ServerSpec {
  const prepare = (): Promise<void> => Promise.resolve();
  return {
    name: process.name,
    address,
    ports: onPorts,
    env: {},
    dir,
    prepare,
    processes: [process],
  };
}

const addressOf = (port: number): string => `127.0.0.1:${port}`;

function ports(count = 1): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => freePort()));
}

async function startPart(
  part: PartName,
  port: number,
  env: Readonly<Record<string, string>>,
): Promise<MeshPart> {
  const server = await startServer(part, (dir) => describePart(part, port, env, dir));
  return { ...server, part, port, address: addressOf(port) };
}

function describePart(
  part: PartName,
  port: number,
  env: Readonly<Record<string, string>>,
  dir: string,
): ServerSpec {
  const isGrpc = part === 'presence' || part === 'graph';
  const process: ProcessSpec = {
    name: part,
    command: globalThis.process.execPath,
    args: [MESH, part],
    env: {
      ...env,
      [isGrpc ? 'MESH_GRPC_PORT' : 'MESH_HTTP_PORT']: String(port),
      ...named(part, port),
    },
    probe: () => (isGrpc ? serving(addressOf(port), part) : ready(addressOf(port))),
  };
  return single(dir, addressOf(port), [port], process);
}

/** Gateways on one host need different names, for a person who reads topics. */
function named(part: PartName, port: number): Record<string, string> {
  return part === 'gateway' ? { MESH_GATEWAY_NAME: `gateway-${port}` } : {};
}

async function ready(address: string): Promise<void> {
  const response = await fetch(`http://${address}/readyz`);
  const body = await response.text();
  if (!response.ok) throw new Error(body);
}

const serviceOf = { presence: 'presence.v1.PresenceService', graph: 'graph.v1.GraphService' };

async function serving(address: string, part: 'presence' | 'graph'): Promise<void> {
  const client = new HealthClient(address, credentials.createInsecure());
  try {
    const status = await new Promise<HealthCheckResponse_ServingStatus>((resolve, reject) => {
      client.check({ service: serviceOf[part] }, (error, response) =>
        error ? reject(error) : resolve(response.status),
      );
    });
    if (status !== HealthCheckResponse_ServingStatus.SERVING) throw new Error('not serving yet');
  } finally {
    client.close();
  }
}
