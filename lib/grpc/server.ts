/** A gRPC server with the services given, health and reflection. */
import { readFileSync } from 'node:fs';
import {
  Server,
  ServerCredentials,
  setLogger,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { hostPort } from '../addresses.ts';
import type { Clock } from '../clock.ts';
import { ListenError } from '../listen-error.ts';
import type { Readiness } from '../readiness.ts';
import { createReflection } from './reflection.ts';

/** A service as a part offers it: it may be served alone or beside others. */
export interface MountedService {
  /** Full name, as in `presence.v1.PresenceService`. */
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  /** Health of the service; SERVING when ready. */
  readonly readiness: Readiness;
  /** Called when the server stops, to end the streams that would otherwise go on until they are cut. */
  readonly onStop?: () => void;
}

export interface GrpcServerOptions {
  readonly services: readonly MountedService[];
  readonly host: string;
  /** 0 means any free one. */
  readonly port: number;
  /** How long calls may go on after a stop, ms, before they are cut. */
  readonly drainMs: number;
  readonly clock: Clock;
}

export interface GrpcServer extends AsyncDisposable {
  readonly port: number;
}

/** Large enough for an audience or a page of contacts of the largest size allowed. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const HEALTH = 'grpc.health.v1.Health';

export async function createGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  });
  const health = new HealthImplementation();
  health.addToServer(server);
  const names = options.services.map(({ name }) => name);
  const reflection = createReflection({
    descriptors: readFileSync(new URL('../../gen/descriptors.binpb', import.meta.url)),
    serviceNames: () => [...names, HEALTH, ...reflection.map(({ name }) => name)],
  });
  for (const { definition, implementation } of [...options.services, ...reflection]) {
    server.addService(definition, implementation);
  }
  const port = await listen(server, options.host, options.port);
  // Of this one service it says no more than that the process answers: what a liveness probe wants to know.
  health.setStatus(HEALTH, 'SERVING');
  const tell = (name: string, ready: boolean): void =>
    health.setStatus(name, ready ? 'SERVING' : 'NOT_SERVING');
  const unwatch = options.services.map(({ name, readiness }) =>
    readiness.watch((ready) => {
      tell(name, ready);
      // The server as a whole, which is what probes and people ask for.
      tell(
        '',
        options.services.every((service) => service.readiness.isReady()),
      );
    }),
  );
  return {
    port,
    [Symbol.asyncDispose]: () => {
      for (const stop of unwatch) stop();
      return close(server, options);
    },
  };
}

/** What grpc-js says by itself; but a port that cannot be had is told by ListenError, with what to do. */
const LOGGER: Partial<Console> = {
  error: (message: string) => {
    if (!message.startsWith('No address added')) process.stderr.write(`E ${message}\n`);
  },
  info: (message: string) => void process.stderr.write(`I ${message}\n`),
  debug: (message: string) => void process.stderr.write(`D ${message}\n`),
};

function listen(server: Server, host: string, port: number): Promise<number> {
  setLogger(LOGGER);
  return new Promise((resolve, reject) => {
    const address = hostPort(host, port);
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
      if (!error) return resolve(bound);
      reject(new ListenError({ protocol: 'gRPC', host, port, reason: error.message }));
    });
  });
}

async function close(
  server: Server,
  { services, clock, drainMs }: GrpcServerOptions,
): Promise<void> {
  const cut = clock.after(drainMs, () => server.forceShutdown());
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  for (const { onStop } of services) onStop?.();
  await closed;
  cut.cancel();
}
