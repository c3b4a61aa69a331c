import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { credentials, status } from '@grpc/grpc-js';
import { systemClock } from '../../../lib/clock.ts';
import { RpcError } from '../../../lib/errors.ts';
import { createClientPool } from '../../../lib/grpc/client.ts';
import { unary } from '../../../lib/grpc/handlers.ts';
import { createGrpcServer, type GrpcServer } from '../../../lib/grpc/server.ts';
import { createLogger } from '../../../lib/logger.ts';
import { createReadiness, type Readiness } from '../../../lib/readiness.ts';
import { patient } from '../../support/clients.ts';
import { HealthClient } from '../../../gen/grpc/health/v1/health.ts';
import {
  ServerReflectionClient,
  type ServerReflectionResponse,
} from '../../../gen/grpc/reflection/v1/reflection.ts';

const clock = systemClock;
let server: GrpcServer;
let readiness: Readiness;

beforeEach(async () => {
  readiness = createReadiness(['redis']);
  const { HealthService } = await import('../../../gen/grpc/health/v1/health.ts');
  const check = unary(createLogger('test', 'silent'), () => {
    throw new Error('secret inside');
  });
  const definition = { check: { ...HealthService.check, path: '/test.v1.Test/Check' } };
  server = await createGrpcServer({
    services: [{ name: 'test.v1.Test', definition, implementation: { check }, readiness }],
    host: '127.0.0.1',
    port: 0,
    drainMs: 100,
    clock,
  });
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const address = (): string => `127.0.0.1:${server.port}`;

function healthPool(addresses: readonly string[]) {
  return patient(createClientPool({ service: HealthClient, name: 'health', addresses, clock }));
}

test.each(['test.v1.Test', ''])('health of %p follows readiness', async (service) => {
  using pool = healthPool([address()]);
  const check = () => pool.unary((client) => client.check, { service });
  expect((await check()).status).toBe(2);
  readiness.set('redis', undefined);
  expect((await check()).status).toBe(1);
});

test('health of the health service says that the process answers, ready or not', async () => {
  using pool = healthPool([address()]);
  const service = 'grpc.health.v1.Health';
  expect((await pool.unary((client) => client.check, { service })).status).toBe(1);
});

test('a call goes past an address that does not answer', async () => {
  using pool = healthPool(['127.0.0.1:1', address()]);
  for (let i = 0; i < 4; i++) {
    await pool.unary((client) => client.check, { service: '' });
  }
});

test('when none answers the error names the service and where it was looked for', async () => {
  using pool = healthPool(['127.0.0.1:1']);
  const failure = await pool
    .unary((client) => client.check, { service: '' })
    .catch((e: unknown) => e);
  expect(failure).toBeInstanceOf(RpcError);
  expect((failure as RpcError).code).toBe(status.UNAVAILABLE);
  expect((failure as RpcError).message).toMatch(
    /^health at 127\.0\.0\.1:1: connect ECONNREFUSED 127\.0\.0\.1:1$/,
  );
});

test('what nobody expected says nothing of its inside', async () => {
  const { HealthService } = await import('../../../gen/grpc/health/v1/health.ts');
  const { makeGenericClientConstructor } = await import('@grpc/grpc-js');
  const definition = { check: { ...HealthService.check, path: '/test.v1.Test/Check' } };
  const Client = makeGenericClientConstructor(definition, 'Test');
  const client = new Client(address(), credentials.createInsecure());
  const failure = await new Promise<{ code: number; details: string }>((resolve) => {
    (client.check as (request: object, done: (error: never) => void) => void)({}, resolve);
  });
  client.close();
  expect(failure.code).toBe(status.INTERNAL);
  expect(failure.details).not.toContain('secret');
});

async function reflect(messageRequest: object): Promise<ServerReflectionResponse> {
  const client = new ServerReflectionClient(address(), credentials.createInsecure());
  const call = client.serverReflectionInfo();
  const response = new Promise<ServerReflectionResponse>((resolve, reject) => {
    call.on('data', resolve);
    call.on('error', reject);
  });
  call.write({ host: '', messageRequest } as never);
  const answer = await response;
  call.end();
  client.close();
  return answer;
}

test('reflection lists what is served and answers a symbol with all the files it needs', async () => {
  const list = await reflect({ $case: 'listServices', value: '' });
  expect(JSON.stringify(list.messageResponse)).toContain('test.v1.Test');
  const file = await reflect({
    $case: 'fileContainingSymbol',
    value: 'presence.v1.PresenceService.GetPresence',
  });
  expect(file.messageResponse?.$case).toBe('fileDescriptorResponse');
  const { value } = file.messageResponse as { value: { fileDescriptorProto: Buffer[] } };
  const names = Buffer.concat(value.fileDescriptorProto).toString('latin1');
  expect(names).toContain('google/protobuf/timestamp.proto');
  const unknown = await reflect({ $case: 'fileContainingSymbol', value: 'no.such.Thing' });
  expect(unknown.messageResponse?.$case).toBe('errorResponse');
});

test('both versions of reflection are described', async () => {
  for (const version of ['v1', 'v1alpha']) {
    const value = `grpc.reflection.${version}.ServerReflection`;
    const { messageResponse } = await reflect({ $case: 'fileContainingSymbol', value });
    expect(messageResponse?.$case).toBe('fileDescriptorResponse');
  }
});

test('a port that is taken is told in one line, and grpc-js says nothing besides', async () => {
  const byItself = [
    jest.spyOn(console, 'error').mockReturnValue(undefined),
    jest.spyOn(process.stderr, 'write').mockReturnValue(true),
  ];
  try {
    const { port } = server;
    const second = createGrpcServer({ services: [], host: '127.0.0.1', port, drainMs: 0, clock });
    const words = `gRPC cannot listen on 127.0.0.1:${port}. Is another one running? Set MESH_GRPC_PORT.`;
    await expect(second).rejects.toThrow(words);
    for (const spy of byItself) expect(spy).not.toHaveBeenCalled();
  } finally {
    for (const spy of byItself) spy.mockRestore();
  }
});
