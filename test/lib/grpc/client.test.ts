/** A name that stands for several processes, as that of a headless service in Kubernetes does. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { HealthClient, HealthService } from '../../../gen/grpc/health/v1/health.ts';
import { systemClock, type Clock } from '../../../lib/clock.ts';
import { createClientPool, type ClientPool } from '../../../lib/grpc/client.ts';
import { createGrpcServer, type GrpcServer } from '../../../lib/grpc/server.ts';
import { createReadiness } from '../../../lib/readiness.ts';
import { patient } from '../../support/clients.ts';
import { eventually } from '../../support/eventually.ts';

const SERVING = 1;
const NOT_SERVING = 2;
const CALLS = 10;
/** Two addresses of one machine, with one port: what a name leads to. */
const FIRST = '127.0.0.1';
const SECOND = '127.0.0.2';

/** Names are looked up every 50 ms. */
const clock: Clock = {
  ...systemClock,
  after: (delayMs, task) => systemClock.after(delayMs / 100, task),
};

const servers = new Set<GrpcServer>();
/** What the name stands for; an error: it cannot be looked up. */
let found: readonly string[] | Error;
let pool: ClientPool<HealthClient> | undefined;

beforeEach(() => {
  found = [FIRST, SECOND];
});
afterEach(async () => {
  pool?.[Symbol.dispose]();
  for (const server of servers) await server[Symbol.asyncDispose]();
  servers.clear();
});

/** Which of them answered is told by the status of its health. */
async function startServer(host: string, isReady: boolean, port = 0): Promise<GrpcServer> {
  const readiness = createReadiness(isReady ? [] : ['redis']);
  const definition = { check: { ...HealthService.check, path: '/test.v1.Test/Check' } };
  const implementation = { check: () => undefined };
  const services = [{ name: 'test.v1.Test', definition, implementation, readiness }];
  const options = { services, host, port, drainMs: 100, clock: systemClock };
  const server = await eventually(() => createGrpcServer(options));
  servers.add(server);
  return server;
}

async function stop(server: GrpcServer): Promise<void> {
  servers.delete(server);
  await server[Symbol.asyncDispose]();
}

function open(port: number): ClientPool<HealthClient> {
  pool = patient(
    createClientPool({
      service: HealthClient,
      name: 'health',
      addresses: [`health:${port}`],
      clock,
      resolve: () => (found instanceof Error ? Promise.reject(found) : Promise.resolve(found)),
    }),
  );
  return pool;
}

async function answers(from: ClientPool<HealthClient>): Promise<Set<number>> {
  const statuses = new Set<number>();
  for (let i = 0; i < CALLS; i++) {
    statuses.add((await from.unary((client) => client.check, { service: '' })).status);
  }
  return statuses;
}

const BOTH = new Set([SERVING, NOT_SERVING]);

test('calls go round its processes, past one that is gone, and to it when it is back', async () => {
  const { port } = await startServer(FIRST, true);
  const unready = await startServer(SECOND, false, port);
  const pool = open(port);
  expect(await answers(pool)).toEqual(BOTH);
  await stop(unready);
  expect(await answers(pool)).toEqual(new Set([SERVING]));
  await startServer(SECOND, false, port);
  await eventually(async () => expect(await answers(pool)).toEqual(BOTH));
});

test('a process that is added gets its share, one that is taken out gets nothing more', async () => {
  const { port } = await startServer(FIRST, true);
  await startServer(SECOND, false, port);
  found = [FIRST];
  const pool = open(port);
  expect(await answers(pool)).toEqual(new Set([SERVING]));
  found = [FIRST, SECOND];
  await eventually(async () => expect(await answers(pool)).toEqual(BOTH));
  found = [SECOND];
  await eventually(async () => expect(await answers(pool)).toEqual(new Set([NOT_SERVING])));
  expect(pool.clients.map(({ address }) => address)).toEqual([`${SECOND}:${port}`]);
});

test('a name that cannot be looked up is told, what was known of it stays, and it is tried again', async () => {
  const { port } = await startServer(FIRST, true);
  found = new Error('getaddrinfo ENOTFOUND health');
  const pool = open(port);
  await expect(answers(pool)).rejects.toMatchObject({
    code: status.UNAVAILABLE,
    message: `health at health:${port}: getaddrinfo ENOTFOUND health`,
  });
  found = [FIRST];
  await eventually(async () => expect(await answers(pool)).toEqual(new Set([SERVING])));
  let looks = 0;
  found = Object.defineProperty(new Error('no answer'), 'message', {
    get: () => `no answer, ${++looks}`,
  });
  await eventually(() => expect(looks).toBeGreaterThan(1));
  expect(await answers(pool)).toEqual(new Set([SERVING]));
});

test('localhost works as the machine looks it up', async () => {
  const { port } = await startServer(FIRST, true);
  pool = patient(
    createClientPool({
      service: HealthClient,
      name: 'health',
      addresses: [`localhost:${port}`],
      clock,
    }),
  );
  expect(await answers(pool)).toEqual(new Set([SERVING]));
});
