/** Requests over a stream, between the pool of clients and the serving side, as the mesh's parts use them. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { status, type handleBidiStreamingCall } from '@grpc/grpc-js';
import {
  GraphServiceClient,
  GraphServiceService,
  type GetAudienceRequest,
  type GetAudienceResponse,
} from '../../../gen/graph/v1/graph_service.ts';
import { systemClock as clock } from '../../../lib/clock.ts';
import { RpcError } from '../../../lib/errors.ts';
import { answering } from '../../../lib/grpc/answers.ts';
import { createClientPool } from '../../../lib/grpc/client.ts';
import type { CallContext } from '../../../lib/grpc/handlers.ts';
import type { Answer, Question } from '../../../lib/grpc/questions.ts';
import { createGrpcServer, type GrpcServer } from '../../../lib/grpc/server.ts';
import { createLogger } from '../../../lib/logger.ts';
import { createReadiness } from '../../../lib/readiness.ts';
import { patient } from '../../support/clients.ts';
import { eventually } from '../../support/eventually.ts';

type Handle = (request: GetAudienceRequest, context: CallContext) => Promise<GetAudienceResponse>;
type Handler = handleBidiStreamingCall<Question<GetAudienceRequest>, Answer<GetAudienceResponse>>;

const logger = createLogger('test', 'silent');
let servers: GrpcServer[];

beforeEach(() => {
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
});

/** @returns its address. */
async function serve(handle: Handle): Promise<string> {
  const stopping = new AbortController();
  const streamAudiences: Handler = answering({ logger, stopping: stopping.signal }, handle);
  const server = await createGrpcServer({
    services: [
      {
        name: 'graph.v1.GraphService',
        definition: { streamAudiences: GraphServiceService.streamAudiences },
        implementation: { streamAudiences },
        readiness: createReadiness([]),
        onStop: () => stopping.abort(),
      },
    ],
    ...{ host: '127.0.0.1', port: 0, drainMs: 500, clock },
  });
  servers.push(server);
  return `127.0.0.1:${server.port}`;
}

function poolOf(...addresses: string[]) {
  return patient(
    createClientPool({ service: GraphServiceClient, name: 'graph', addresses, clock }),
  );
}

const request = (subjectUserId: string): GetAudienceRequest => ({
  ...{ subjectUserId, minRevision: 0n, onlyUserIds: [] },
});

const toldTo = (...removedUserIds: string[]): GetAudienceResponse => ({
  ...{ groups: [], hidden: [], removedUserIds, revision: 0n },
});

/** Answers with the name of the subject and what came with the request. */
const echo: Handle = ({ subjectUserId }, { metadata }) =>
  Promise.resolve(toldTo(subjectUserId, String(metadata.get('traceparent')[0] ?? '')));

test('each request gets its own answer, whatever the order of the answers', async () => {
  const held = new Map<string, () => void>();
  const address = await serve(async (asked, context) => {
    await new Promise<void>((resolve) => held.set(asked.subjectUserId, resolve));
    return echo(asked, context);
  });
  using pool = poolOf(address);
  const ask = pool.asking((client) => client.streamAudiences);
  const names = ['a', 'b', 'c'];
  const answers = names.map((name) => ask(request(name), { traceparent: `trace of ${name}` }));
  await eventually(() => expect(held.size).toBe(3));
  for (const name of names.toReversed()) held.get(name)!();
  expect((await Promise.all(answers)).map(({ removedUserIds }) => removedUserIds)).toEqual(
    names.map((name) => [name, `trace of ${name}`]),
  );
});

test('a request that fails says why, and the stream goes on', async () => {
  const address = await serve((asked, context) => {
    if (asked.subjectUserId !== 'bad') return echo(asked, context);
    throw new RpcError(status.INVALID_ARGUMENT, 'subject_user_id: not liked');
  });
  using pool = poolOf(address);
  const ask = pool.asking((client) => client.streamAudiences);
  const [bad, good] = await Promise.allSettled([ask(request('bad')), ask(request('good'))]);
  expect(bad).toMatchObject({
    reason: { code: status.INVALID_ARGUMENT, message: 'subject_user_id: not liked' },
  });
  expect(good).toMatchObject({ value: { removedUserIds: ['good', ''] } });
});

test('what is not answered in time is given up, and the late answer harms nobody', async () => {
  let answerLate = (): void => undefined;
  const address = await serve(async (asked, context) => {
    if (asked.subjectUserId === 'slow') {
      await new Promise<void>((resolve) => (answerLate = resolve));
    }
    return echo(asked, context);
  });
  using pool = poolOf(address);
  const ask = pool.asking((client) => client.streamAudiences);
  await ask(request('first'));
  await expect(ask(request('slow'), { timeoutMs: 30 })).rejects.toMatchObject({
    code: status.DEADLINE_EXCEEDED,
    message: expect.stringContaining(`graph at ${address}`),
  });
  answerLate();
  expect((await ask(request('next'))).removedUserIds[0]).toBe('next');
});

test('a process that stops answers what it has; the next is asked instead', async () => {
  let answerHeld: (() => void) | undefined;
  const first = await serve(async (asked, context) => {
    await new Promise<void>((resolve) => (answerHeld = resolve));
    return echo(asked, context);
  });
  const second = await serve(echo);
  using pool = poolOf(first, second);
  const ask = pool.asking((client) => client.streamAudiences);
  const answer = ask(request('held'));
  await eventually(() => expect(answerHeld).toBeDefined());
  const stopped = servers[0]![Symbol.asyncDispose]();
  answerHeld!();
  expect((await answer).removedUserIds[0]).toBe('held');
  await stopped;
  for (let i = 0; i < 4; i++) {
    expect((await ask(request('again'))).removedUserIds[0]).toBe('again');
  }
});

test('a process that is cut off leaves nobody waiting', async () => {
  const first = await serve(() => new Promise(() => undefined));
  const second = await serve(echo);
  using pool = poolOf(first, second);
  const ask = pool.asking((client) => client.streamAudiences);
  const answer = ask(request('alice'));
  // It never answers, so its drain is cut, and the other one is asked.
  await servers[0]![Symbol.asyncDispose]();
  expect((await answer).removedUserIds[0]).toBe('alice');
});

test('nobody to ask: the error names the service and where it was looked for', async () => {
  using pool = poolOf('127.0.0.1:1');
  const ask = pool.asking((client) => client.streamAudiences);
  await expect(ask(request('alice'))).rejects.toMatchObject({
    code: status.UNAVAILABLE,
    message: 'graph at 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1',
  });
});

test('a request without content is refused by name', async () => {
  const address = await serve(echo);
  using pool = poolOf(address);
  const call = pool.clients[0]!.client.streamAudiences();
  const answer = new Promise((resolve) => call.once('data', resolve));
  call.write({ requestId: 7n, metadata: {}, request: undefined });
  expect(await answer).toEqual({
    requestId: 7n,
    outcome: {
      $case: 'failure',
      value: {
        code: status.INVALID_ARGUMENT,
        message: 'request: is missing; give what a call would take',
      },
    },
  });
  call.end();
});

test('what cannot be metadata is refused by name', async () => {
  const address = await serve(echo);
  using pool = poolOf(address);
  const call = pool.clients[0]!.client.streamAudiences();
  const answers: Answer<GetAudienceResponse>[] = [];
  call.on('data', (answer: Answer<GetAudienceResponse>) => answers.push(answer));
  for (const [name, value] of [
    ['no name', ''],
    ['x-bin', 'text'],
    ['traceparent', 'a\nb'],
  ] as const) {
    call.write({ requestId: 1n, metadata: { [name]: value }, request: request('alice') });
  }
  await eventually(() => expect(answers).toHaveLength(3));
  for (const { outcome } of answers) {
    const message = expect.stringMatching(/^metadata: /) as unknown;
    expect(outcome).toMatchObject({ value: { code: status.INVALID_ARGUMENT, message } });
  }
  call.end();
});

test('who does not read the answers is not heard, until they do', async () => {
  let heard = 0;
  const address = await serve((asked, context) => {
    heard++;
    return echo(asked, context);
  });
  using pool = poolOf(address);
  const call = pool.clients[0]!.client.streamAudiences();
  call.on('error', () => undefined);
  let answered = 0;
  call.on('data', () => answered++);
  call.once('data', () => call.pause());
  const total = 20_000;
  const subject = 's'.repeat(128);
  for (let id = 1; id <= total; id++) {
    call.write({ requestId: BigInt(id), metadata: {}, request: request(subject) });
  }
  call.end();
  await whenStill(() => heard);
  expect(heard).toBeLessThan(total);
  call.resume();
  await eventually(() => expect(answered).toBe(total), { timeoutMs: 60_000 });
}, 120_000);

test('who asks more than can be answered is heard no further, until there are answers', async () => {
  const held: (() => void)[] = [];
  const address = await serve(async (asked, context) => {
    await new Promise<void>((resolve) => held.push(resolve));
    return echo(asked, context);
  });
  using pool = poolOf(address);
  const call = pool.clients[0]!.client.streamAudiences();
  call.on('error', () => undefined);
  let answered = 0;
  call.on('data', () => answered++);
  const total = 5000;
  for (let id = 1; id <= total; id++) {
    call.write({ requestId: BigInt(id), metadata: {}, request: request('alice') });
  }
  call.end();
  await whenStill(() => held.length);
  expect(held.length).toBeLessThan(total / 2);
  await eventually(
    () => {
      held.splice(0).forEach((answer) => answer());
      return answered === total;
    },
    { timeoutMs: 60_000 },
  );
}, 120_000);

/** Resolves when it is as many as a moment ago. */
async function whenStill(count: () => number): Promise<void> {
  let before = 0;
  await eventually(
    () => {
      const now = count();
      const isStill = now > 0 && now === before;
      before = now;
      return isStill;
    },
    { intervalMs: 300, timeoutMs: 30_000 },
  );
}
