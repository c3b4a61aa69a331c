/** A private Dgraph (zero and alpha) for a test: up in about 5 s. Most tests share one: see shared-servers.ts. */
import { dgraphPorts, dgraphServer, installDgraph } from '../../cli/stack/dgraph.ts';
import { isPortTaken } from '../../cli/stack/probes.ts';
import { systemClock } from '../../lib/clock.ts';
import { freePort } from './free-port.ts';
import { startServer, type TestServer } from './server.ts';

export interface TestDgraph extends TestServer {
  /** Of gRPC. */
  readonly port: number;
  readonly url: string;
}

export async function startDgraph(): Promise<TestDgraph> {
  const binary = await installDgraph({ clock: systemClock, say: console.error });
  const portOffset = await freePortOffset();
  const { grpc } = dgraphPorts(portOffset);
  const server = await startServer('dgraph', (dir) => dgraphServer({ dir, binary, portOffset }));
  return { ...server, port: grpc, url: `dgraph://127.0.0.1:${grpc}` };
}

/** Dgraph moves all its ports by one offset: one is drawn such that all of them are free. */
async function freePortOffset(): Promise<number> {
  for (;;) {
    const portOffset = (await freePort()) - dgraphPorts(0).grpc;
    const ports = Object.values(dgraphPorts(portOffset));
    const taken = await Promise.all(ports.map(isPortTaken));
    if (!taken.includes(true)) return portOffset;
  }
}
