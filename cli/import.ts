/** `mesh import FILE`: loads friendships and follows into the graph. */
import { once } from 'node:events';
import { credentials, type ClientWritableStream, type ServiceError } from '@grpc/grpc-js';
import { Command } from 'commander';
import {
  GraphServiceClient,
  type ImportEdgesRequest,
  type ImportEdgesResponse,
} from '../gen/graph/v1/graph_service.ts';
import { systemClock as clock } from '../lib/clock.ts';
import { hostPorts, readSettings } from '../lib/config.ts';
import { RpcError } from '../lib/errors.ts';
import { CHANNEL_OPTIONS } from '../lib/grpc/client.ts';
import { isServing } from './serving.ts';
import { checkEdgeFile, edgesOf } from './edge-file.ts';
import { hinting } from './hints.ts';
import { createProgress, type Progress } from './import-progress.ts';
import { knownNames } from './settings.ts';

const DEFAULT_ADDRESS = '127.0.0.1:50051';
const EDGES_A_MESSAGE = 10_000;
/** Graph may have been started a moment ago. */
const PATIENCE_MS = 10_000;
const LOOK_AGAIN_MS = 200;
/** As a shell says it of SIGINT. */
const EXIT_INTERRUPTED = 130;

export function importCommand(): Command {
  return new Command('import')
    .description('load edges: a<TAB>b for friends, a<TAB>b<TAB>follows for a follower, one a line')
    .argument('<file>', 'file of edges; checked whole before anything is stored')
    .action(async (file: string) => {
      const settings = readSettings(
        { MESH_GRAPH_ADDRS: hostPorts('127.0.0.1:50051') },
        process.env,
        knownNames,
      );
      const addresses = settings.MESH_GRAPH_ADDRS ?? [DEFAULT_ADDRESS];
      process.once('SIGINT', interrupted);
      const summary = await importFile(file, addresses, createProgress(process.stderr));
      process.stdout.write(`${summary}\n`);
    });
}

/** What has arrived is stored in batches. */
function interrupted(): never {
  process.stderr.write(
    '\ninterrupted: some edges may be in; import the file again, twice is once\n',
  );
  process.exit(EXIT_INTERRUPTED);
}

/** Returns what was done, in one line. */
export async function importFile(
  file: string,
  addresses: readonly string[],
  progress: Progress,
  patienceMs = PATIENCE_MS,
): Promise<string> {
  const total = await checkEdgeFile(file);
  const client = await connect(addresses, progress, patienceMs);
  try {
    const startedAt = clock.monotonic();
    const imported = await hinting('MESH_GRAPH_ADDRS', send(client, file, total, progress));
    const seconds = (clock.monotonic() - startedAt) / 1000;
    return summaryOf(imported, seconds);
  } finally {
    progress.end();
    client.close();
  }
}

const count = (value: bigint | number): string => value.toLocaleString('en');

function summaryOf({ edges, users, graphRevision }: ImportEdgesResponse, seconds: number): string {
  const rate = count(Math.round(Number(edges) / seconds));
  const what = `${count(edges)} ${edges === 1n ? 'edge' : 'edges'} of ${count(users)} users`;
  return `imported ${what} in ${seconds.toFixed(1)} s (${rate} edges/s), graph revision ${graphRevision.toString()}`;
}

/** The first graph process that serves; one that only answers, when none came to serve in time, can say why. */
async function connect(
  addresses: readonly string[],
  progress: Progress,
  patienceMs: number,
): Promise<GraphServiceClient> {
  const giveUpAtMs = clock.monotonic() + patienceMs;
  for (let round = 0; ; round++) {
    const isLast = clock.monotonic() >= giveUpAtMs;
    const found = await firstServing(addresses, isLast);
    if (found !== undefined) {
      return new GraphServiceClient(found, credentials.createInsecure(), CHANNEL_OPTIONS);
    }
    if (isLast) break;
    if (round === 0) progress.waiting(addresses.join(', '));
    await clock.sleep(LOOK_AGAIN_MS);
  }
  throw new Error(
    `No graph process answers at ${addresses.join(', ')}. Start one with npm start, or set MESH_GRAPH_ADDRS to host:port of one.`,
  );
}

async function firstServing(
  addresses: readonly string[],
  isAnswerEnough: boolean,
): Promise<string | undefined> {
  for (const address of addresses) {
    const serving = await isServing(address, 'graph.v1.GraphService');
    if (serving === true || (serving === false && isAnswerEnough)) return address;
  }
  return undefined;
}

async function send(
  client: GraphServiceClient,
  file: string,
  total: number,
  progress: Progress,
): Promise<ImportEdgesResponse> {
  const { call, answer } = openStream(client);
  const failed = answer.then(() => undefined);
  // Heard again where the answer is awaited.
  failed.catch(() => undefined);
  let sent = 0;
  progress.start(total);
  for await (const edges of edgesOf(file, EDGES_A_MESSAGE)) {
    const message = { total: BigInt(total), firstLine: BigInt(sent + 1), edges };
    if (!call.write(message)) await Promise.race([once(call, 'drain'), failed]);
    sent += edges.length;
    progress.sent(sent);
  }
  call.end();
  return answer;
}

interface OpenStream {
  readonly call: ClientWritableStream<ImportEdgesRequest>;
  /** Rejects, with the service's words, also in the middle of the stream. */
  readonly answer: Promise<ImportEdgesResponse>;
}

function openStream(client: GraphServiceClient): OpenStream {
  const answered = deferred<ImportEdgesResponse>();
  const call = client.importEdges((error: ServiceError | null, response) => {
    if (error) answered.reject(new RpcError(error.code, error.details, { cause: error }));
    else answered.resolve(response);
  });
  return { call, answer: answered.promise };
}

/** Promise.withResolvers of later Node versions. */
function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
