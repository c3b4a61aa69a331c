/** Dgraph, one zero and one alpha, built from its Go module. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDir, fetchOnce } from './cache.ts';
import { probeHttp } from './probes.ts';
import type { ProcessSpec, ServerSpec } from './server.ts';
import { requireTools, run, type RunContext } from './tools.ts';

const VERSION = '24.0.5';
const MODULE = 'github.com/dgraph-io/dgraph/v24';
const TELEMETRY = ['--telemetry', 'reports=false; sentry=false;'];

/** Its ports cannot be set one by one: each of these is moved by the same offset. */
const PORTS = { zeroGrpc: 5080, zeroHttp: 6080, internal: 7080, http: 8080, grpc: 9080 } as const;

export function dgraphPorts(offset: number): Readonly<Record<keyof typeof PORTS, number>> {
  return {
    zeroGrpc: PORTS.zeroGrpc + offset,
    zeroHttp: PORTS.zeroHttp + offset,
    internal: PORTS.internal + offset,
    http: PORTS.http + offset,
    grpc: PORTS.grpc + offset,
  };
}

/** Resolves with the binary's path, building it the first time. */
export async function installDgraph(context: RunContext): Promise<string> {
  const dir = join(cacheDir(), `dgraph-${VERSION}`);
  await fetchOnce(dir, context, async (cwd) => {
    requireTools('Building Dgraph', 'go');
    context.say(`dgraph: building ${VERSION} from its Go module, once, in one to three minutes`);
    const go = (...args: string[]) =>
      run('dgraph', ['go', ...args], {
        ...context,
        cwd,
        env: { GOFLAGS: '-modcacherw', GOWORK: 'off' },
      });
    await go('mod', 'init', 'dgraph-build');
    await go('mod', 'edit', '-require', `${MODULE}@v${VERSION}`, '-tool', `${MODULE}/dgraph`);
    await go('build', '-mod=mod', '-o', 'dgraph', `${MODULE}/dgraph`);
  });
  return join(dir, 'dgraph');
}

export interface DgraphOptions {
  readonly dir: string;
  readonly binary: string;
  readonly portOffset: number;
}

export function dgraphServer(options: DgraphOptions): ServerSpec {
  const ports = dgraphPorts(options.portOffset);
  return {
    name: 'dgraph',
    address: `127.0.0.1:${ports.grpc}`,
    ports: Object.values(ports),
    env: { MESH_DGRAPH_URL: `dgraph://127.0.0.1:${ports.grpc}` },
    dir: options.dir,
    prepare: async () => {
      await mkdir(options.dir, { recursive: true });
    },
    processes: [zero(options), alpha(options)],
  };
}

function zero({ binary, dir, portOffset }: DgraphOptions): ProcessSpec {
  const ports = dgraphPorts(portOffset);
  return {
    name: 'dgraph-zero',
    command: binary,
    args: [
      'zero',
      ...common(portOffset),
      ...['--my', `127.0.0.1:${ports.zeroGrpc}`],
      ...['--wal', join(dir, 'zero')],
    ],
    probe: () => probeHttp(`http://127.0.0.1:${ports.zeroHttp}/health`),
  };
}

function alpha({ binary, dir, portOffset }: DgraphOptions): ProcessSpec {
  const ports = dgraphPorts(portOffset);
  return {
    name: 'dgraph-alpha',
    command: binary,
    args: [
      'alpha',
      ...common(portOffset),
      ...['--my', `127.0.0.1:${ports.internal}`],
      ...['--zero', `127.0.0.1:${ports.zeroGrpc}`],
      ...['--postings', join(dir, 'postings')],
      ...['--wal', join(dir, 'wal')],
      ...['--tmp', join(dir, 'tmp')],
      ...['--export', join(dir, 'export')],
      ...['--cache', 'size-mb=256'],
    ],
    probe: () => probeHttp(`http://127.0.0.1:${ports.http}/health`),
  };
}

const common = (portOffset: number): string[] => [
  ...['--port_offset', String(portOffset)],
  '--bindall=false',
  ...TELEMETRY,
];
