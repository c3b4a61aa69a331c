/**
 * Servers that all test files of a run share, started when the first of them asks: jest's parent process holds them and
 * answers over HTTP, since test files run in processes of their own. Tests that kill a server start a private one.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../lib/clock.ts';
import { createKafkaBus } from '../../lib/kafka/kafka-bus.ts';
import { startDgraph, type TestDgraph } from './dgraph.ts';
import { startKafka, type TestKafka } from './kafka.ts';

/** Where a test file finds the parent. */
const PARENT_URL = 'TEST_SERVERS_URL';
/** Everything a run starts has its files here, which tells its processes from other people's. */
const RUN_DIR = 'TEST_RUN_DIR';
/** How long a topic that was deleted may still be listed, ms. */
const DELETION_MS = 5000;
const POLL_MS = 100;

/** Topics of other tests live there too: use names of your own, and delete them. */
export async function sharedKafka(): Promise<Pick<TestKafka, 'brokers' | 'port'>> {
  return (await ask('kafka')) as TestKafka;
}

/** Users of other tests live there too: use ids of your own. */
export async function sharedDgraph(): Promise<Pick<TestDgraph, 'url' | 'port'>> {
  return (await ask('dgraph')) as TestDgraph;
}

async function ask(server: 'kafka' | 'dgraph'): Promise<unknown> {
  const parent = process.env[PARENT_URL];
  if (parent === undefined) throw new Error('Shared servers exist only in a run of jest.');
  const response = await fetch(`${parent}/${server}`, { headers: { connection: 'close' } });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

export interface SharedServers {
  /** Stops them and tells, one a line, what tests have left behind. */
  stop(): Promise<readonly string[]>;
}

/** Called once, in jest's parent process; test processes inherit its environment. */
export async function offerSharedServers(): Promise<SharedServers> {
  const runDir = await mkdtemp(join(tmpdir(), 'presence-mesh-run-'));
  const started = { kafka: lazy(startKafka), dgraph: lazy(startDgraph) };
  const server = await serve(async (path) => {
    if (path === '/kafka') return started.kafka.get();
    if (path === '/dgraph') return started.dgraph.get();
    throw new Error(`no such server: ${path}`);
  });
  process.env[RUN_DIR] = runDir;
  process.env[PARENT_URL] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    stop: async () => {
      server.close();
      const kafka = await started.kafka.running();
      const topics = kafka ? await leftTopics(kafka.brokers) : [];
      await kafka?.[Symbol.asyncDispose]();
      await (await started.dgraph.running())?.[Symbol.asyncDispose]();
      const processes = await leftProcesses(runDir);
      await rm(runDir, { recursive: true, force: true });
      return [...topics, ...processes];
    },
  };
}

function lazy<T>(start: () => Promise<T>): {
  get(): Promise<T>;
  running(): Promise<T | undefined>;
} {
  let starting: Promise<T> | undefined;
  return {
    get: () => (starting ??= start()),
    running: async () => starting?.catch(() => undefined),
  };
}

async function serve(answer: (path: string) => Promise<unknown>): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request.url ?? '').then(
      (value) => response.end(JSON.stringify(value)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.unref();
}

async function leftTopics(brokers: string): Promise<string[]> {
  await using bus = createKafkaBus({
    ...{ brokers: [brokers], clientId: 'leak-check', clock: systemClock },
  });
  const own = async () => (await bus.listTopics('')).filter((topic) => !topic.startsWith('__'));
  let left = await own();
  // A broker may list a topic for a moment after it has said that it is deleted.
  for (let waitedMs = 0; left.length > 0 && waitedMs < DELETION_MS; waitedMs += POLL_MS) {
    await systemClock.sleep(POLL_MS);
    left = await own();
  }
  return left.map((topic) => `topic ${topic} was not deleted`);
}

async function leftProcesses(runDir: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,args=']);
  const left = stdout.split('\n').filter((line) => line.includes(runDir));
  for (const line of left) process.kill(Number.parseInt(line, 10), 'SIGKILL');
  return left.map((line) => `process was not stopped: ${line.trim()}`);
}
