/** `mesh presence`, `mesh graph`, `mesh fanout`, `mesh gateway`: one part as a process of its own. */
import { Command } from 'commander';
import type { Environment } from '../lib/config.ts';
import { main as fanout } from '../fanout/main.ts';
import { main as gateway } from '../gateway/main.ts';
import { main as graph } from '../graph/main.ts';
import { main as presence } from '../presence/main.ts';
import { knownNames } from './settings.ts';

const parts = {
  presence: { main: presence, what: 'leases and statuses, on Redis; gRPC on :50051' },
  graph: { main: graph, what: 'friends, follows and blocks, on Dgraph; gRPC on :50052' },
  fanout: { main: fanout, what: 'a worker: Redis to Kafka; health on :8081' },
  gateway: { main: gateway, what: 'the edge: WebSocket, SSE and REST on :8080' },
};

export function partCommands(env: Environment): Command[] {
  return Object.entries(parts).map(([name, { main, what }]) =>
    new Command(name).description(what).action(() => main(env, knownNames)),
  );
}
