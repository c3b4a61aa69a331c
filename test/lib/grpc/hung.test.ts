/** Processes that hang, between the pool of clients and real servers: connections stand, and nothing comes back. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import {
  GraphServiceClient,
  GraphServiceService,
  type GetAudienceRequest,
  type GetAudienceResponse,
  type ListContactsResponse,
} from '../../../gen/graph/v1/graph_service.ts';
import { systemClock as clock } from '../../../lib/clock.ts';
import { RpcError } from '../../../lib/errors.ts';
import { answering } from '../../../lib/grpc/answers.ts';
import { createClientPool, type CallSettings, type ClientPool } from '../../../lib/grpc/client.ts';
import { serverStream, unary } from '../../../lib/grpc/handlers.ts';
import { createGrpcServer } from '../../../lib/grpc/server.ts';
import { createDisposer, type Disposer } from '../../../lib/lifecycle.ts';
import { createLogger } from '../../../lib/logger.ts';
import { createReadiness } from '../../../lib/readiness.ts';
import { eventually } from '../../support/eventually.ts';
import { startFreezingProxy, type FreezingProxy } from '../../support/freezing-proxy.ts';

const logger = createLogger('test', 'silent');

/** A graph process: its answers say its name. */
interface Process extends FreezingProxy {
  readonly name: string;
  /** What it was asked. */
  readonly asked: string[];
  /** Answers wait for what it returns. */
  delay: () => Promise<void>;
}

let disposer: Disposer;
let processes: Process[];
let pool: ClientPool<GraphServiceClient>;

async function startProcess(name: string): Promise<Process> {
  const stopping = new AbortController();
  const own = { name, asked: [] as string[], delay: () => Promise.resolve() };
  const answer = async ({ subjectUserId }: GetAudienceRequest): Promise<GetAudienceResponse> => {
    own.asked.push(subjectUserId);
    await own.delay();
    return { groups: [], hidden: [], removedUserIds: [name], revision: 0n };
  };
  async function* contacts(): AsyncIterable<ListContactsResponse> {
    await own.delay();
    for (const userId of [name, 'another']) {
      yield {
        revision: 0n,
        contacts: [{ userId, relation: 0, hidden: false, mode: 0, frozen: undefined }],
      };
    }
  }
  const { getAudience, streamAudiences, listContacts } = GraphServiceService;
  const server = disposer.add(
    await createGrpcServer({
      services: [
        {
          name: 'graph.v1.GraphService',
          definition: { getAudience, streamAudiences, listContacts },
          implementation: {
            getAudience: unary(logger, answer),
            streamAudiences: answering({ logger, stopping: stopping.signal }, answer),
            listContacts: serverStream(logger, contacts),
          },
          readiness: createReadiness([]),
          onStop: () => stopping.abort(),
        },
      ],
      ...{ host: '127.0.0.1', port: 0, drainMs: 100, clock },
    }),
  );
  return Object.assign(own, disposer.add(await startFreezingProxy(server.port)));
}

beforeEach(async () => {
  disposer = createDisposer();
  processes = [await startProcess('first'), await startProcess('second')];
  const addresses = processes.map(({ address }) => address);
  pool = createClientPool({ service: GraphServiceClient, name: 'graph', addresses, clock });
  disposer.defer(() => pool[Symbol.dispose]());
});
afterEach(async () => {
  for (const process of processes) process.thaw();
  await disposer[Symbol.asyncDispose]();
});

type AskOne = (subjectUserId: string, settings?: CallSettings) => Promise<string | undefined>;

/** Both ways to ask answer alike: with the name of the process. */
const ways: [string, () => AskOne][] = [
  [
    'a call',
    () => async (subjectUserId, settings) => {
      const request = { subjectUserId, minRevision: 0n, onlyUserIds: [] };
      return (await pool.unary((to) => to.getAudience, request, settings)).removedUserIds[0];
    },
  ],
  [
    'a question',
    () => {
      const ask = pool.asking((to) => to.streamAudiences);
      return async (subjectUserId, settings) => {
        const request = { subjectUserId, minRevision: 0n, onlyUserIds: [] };
        return (await ask(request, settings)).removedUserIds[0];
      };
    },
  ],
];

/** Long enough for a slow machine; nothing that is asserted depends on it. */
const PATIENT: CallSettings = { timeoutMs: 30_000, isIdempotent: true };

async function bothAnswer(ask: AskOne): Promise<void> {
  await eventually(async () => {
    const names = new Set([await ask('warm', PATIENT), await ask('warm', PATIENT)]);
    expect(names).toEqual(new Set(['first', 'second']));
  });
}

describe.each(ways)('%s', (_, createAsk) => {
  let ask: AskOne;
  beforeEach(async () => {
    ask = createAsk();
    await bothAnswer(ask);
  });

  test('that may be repeated is answered by another process; the one that hangs is passed over', async () => {
    const [first] = processes;
    first!.freeze();
    const answers = await Promise.all(
      'a b c d e f g h'.split(' ').map((name) => ask(name, PATIENT)),
    );
    expect(new Set(answers)).toEqual(new Set(['second']));
    const [frozen] = pool.clients;
    expect(frozen!.isHung).toBe(true);
    const before = first!.asked.length;
    for (const name of 'ijklmnop') expect(await ask(name, PATIENT)).toBe('second');
    first!.thaw();
    await eventually(() => expect(frozen!.isHung).toBe(false));
    await bothAnswer(ask);
    // Of what was asked while it was passed over, nothing was asked of it.
    const late = first!.asked.slice(before);
    for (const name of 'ijklmnop') expect(late).not.toContain(name);
  });

  test('that may not be repeated is asked of one process only', async () => {
    const [first, second] = processes;
    first!.freeze();
    const settings = { timeoutMs: 5000 };
    const results = await Promise.allSettled([ask('a', settings), ask('b', settings)]);
    const failed = results.filter(({ status: outcome }) => outcome === 'rejected');
    expect(failed).toMatchObject([{ reason: { code: status.DEADLINE_EXCEEDED } }]);
    expect(second!.asked.filter((name) => name !== 'warm')).toHaveLength(1);
    // By now it is known that the other one hangs.
    for (const name of 'cdef') expect(await ask(name, { timeoutMs: 30_000 })).toBe('second');
  });

  test('that a process takes long for is not repeated: it says that it lives', async () => {
    const [first, second] = processes;
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    first!.delay = () => answered;
    const slow = Promise.all([ask('a', PATIENT), ask('b', PATIENT)]);
    // Longer than it takes to find that a process hangs.
    await clock.sleep(1000);
    expect(pool.clients.map(({ isHung }) => isHung)).toEqual([false, false]);
    answer();
    expect(new Set(await slow)).toEqual(new Set(['first', 'second']));
    const asked = [...first!.asked, ...second!.asked].filter((name) => name !== 'warm');
    expect(asked.sort()).toEqual(['a', 'b']);
  });

  test('when all hang fails at its deadline, says where, and makes no storm', async () => {
    for (const process of processes) process.freeze();
    const names = 'a b c d e f g h i j'.split(' ');
    const results = await Promise.allSettled(
      names.map((name) => ask(name, { timeoutMs: 1000, isIdempotent: true })),
    );
    for (const result of results) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: {
          code: status.DEADLINE_EXCEEDED,
          message: expect.stringContaining(`graph at ${processes[0]!.address}`),
        },
      });
    }
    for (const process of processes) process.thaw();
    await eventually(() => expect(pool.clients.some(({ isHung }) => isHung)).toBe(false));
    await bothAnswer(ask);
    const asked = processes.flatMap((process) => process.asked);
    for (const name of names) {
      expect(asked.filter((one) => one === name).length).toBeLessThanOrEqual(processes.length);
    }
  });
});

test('a stream begins at another process, and comes whole', async () => {
  const read = async (): Promise<string[]> => {
    const userIds: string[] = [];
    const request = { userId: 'a', minRevision: 0n, pageSize: 1 };
    for await (const page of pool.stream((to) => to.listContacts, request, PATIENT)) {
      userIds.push(...page.contacts.map(({ userId }) => userId));
    }
    return userIds;
  };
  expect([await read(), await read()]).toEqual([
    ['first', 'another'],
    ['second', 'another'],
  ]);
  processes[0]!.freeze();
  expect([await read(), await read()]).toEqual([
    ['second', 'another'],
    ['second', 'another'],
  ]);
});

test('a process that hangs from the start is passed over, too', async () => {
  processes[0]!.freeze();
  const ask = ways[0]![1]();
  for (const name of 'abcdef') expect(await ask(name, PATIENT)).toBe('second');
});

test('who stood still has done nothing: it is asked again, and not for ever', async () => {
  const [first, second] = processes;
  const refuse = () =>
    Promise.reject(new RpcError(status.ABORTED, 'this process stood still; ask again'));
  const ask = ways[1]![1]();
  for (const process of processes) process.delay = refuse;
  await expect(ask('a', PATIENT)).rejects.toMatchObject({ code: status.ABORTED });
  const tries = first!.asked.length + second!.asked.length;
  expect(tries).toBeGreaterThan(1);
  expect(tries).toBeLessThan(5);
  let refusals = 0;
  const refuseOnce = () => (refusals++ === 0 ? refuse() : Promise.resolve());
  for (const process of processes) process.delay = refuseOnce;
  expect(await ask('b', PATIENT)).toMatch(/first|second/);
  expect(refusals).toBeGreaterThan(1);
});
