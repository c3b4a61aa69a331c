/** A name that stands for several processes, as a headless service does; grpc-js writes it `ipv4:` for tests. */
import { afterEach, expect, test } from '@jest/globals';
import { HealthClient, HealthService } from '../../../gen/grpc/health/v1/health.ts';
import { systemClock as clock } from '../../../lib/clock.ts';
import { createClientPool } from '../../../lib/grpc/client.ts';
import { createGrpcServer, type GrpcServer } from '../../../lib/grpc/server.ts';
import { createReadiness } from '../../../lib/readiness.ts';
import { eventually } from '../../support/eventually.ts';

const SERVING = 1;
const NOT_SERVING = 2;
const CALLS = 10;

const servers = new Set<GrpcServer>();
afterEach(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]();
  servers.clear();
});

/** Which of them answered is told by the status of its health. */
async function startServer(isReady: boolean, port = 0): Promise<GrpcServer> {
  const readiness = createReadiness(isReady ? [] : ['redis']);
  const definition = { check: { ...HealthService.check, path: '/test.v1.Test/Check' } };
  const implementation = { check: () => undefined };
  const services = [{ name: 'test.v1.Test', definition, implementation, readiness }];
  const server = await createGrpcServer({ services, host: '127.0.0.1', port, drainMs: 100, clock });
  servers.add(server);
  return server;
}

async function stop(server: GrpcServer): Promise<void> {
  servers.delete(server);
  await server[Symbol.asyncDispose]();
}

test('calls go round its processes, past one that is gone, and to it when it is back', async () => {
  const ready = await startServer(true);
  const unready = await startServer(false);
  using pool = createClientPool({
    service: HealthClient,
    name: 'health',
    addresses: [`ipv4:127.0.0.1:${ready.port},127.0.0.1:${unready.port}`],
    clock,
  });
  const answers = async (): Promise<number[]> => {
    const statuses: number[] = [];
    while (statuses.length < CALLS) {
      const { status } = await pool.unary((client) => client.check, { service: '' });
      statuses.push(status);
    }
    return statuses;
  };
  const both = [SERVING, NOT_SERVING];
  await eventually(async () => expect(await answers()).toEqual(expect.arrayContaining(both)));
  await stop(unready);
  expect(new Set(await answers())).toEqual(new Set([SERVING]));
  await startServer(false, unready.port);
  await eventually(async () => expect(await answers()).toEqual(expect.arrayContaining(both)));
});
