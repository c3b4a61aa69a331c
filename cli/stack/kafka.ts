/** Kafka, one node that is broker and controller (KRaft), its jars fetched by Maven. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import { createKafkaBus } from '../../lib/kafka/kafka-bus.ts';
import { cacheDir, fetchOnce } from './cache.ts';
import type { ServerSpec } from './server.ts';
import { requireTools, run, type RunContext } from './tools.ts';

const VERSION = '4.2.2';
const SCALA = '2.13';
const COPY_JARS = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
/** One node for ever: the id only has to be well-formed. */
const CLUSTER_ID = 'cHJlc2VuY2UtbWVzaC0wMQ';

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>presence-mesh</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_${SCALA}</artifactId>
      <version>${VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
`;

/** Resolves with the directory of jars, fetching them the first time. */
export async function installKafka(context: RunContext): Promise<string> {
  requireTools('Kafka', 'java');
  const dir = join(cacheDir(), `kafka-${VERSION}`);
  await fetchOnce(dir, context, async (cwd) => {
    requireTools('Fetching Kafka', 'mvn');
    context.say(`kafka: fetching ${VERSION} by Maven, once, 44 MB`);
    await writeFile(join(cwd, 'pom.xml'), POM);
    await run('kafka', ['mvn', '-B', '-q', COPY_JARS, '-DoutputDirectory=libs'], {
      ...context,
      cwd,
    });
  });
  return join(dir, 'libs');
}

export interface KafkaOptions {
  readonly dir: string;
  readonly jars: string;
  readonly port: number;
  readonly controllerPort: number;
}

export function kafkaServer({ dir, jars, port, controllerPort }: KafkaOptions): ServerSpec {
  const properties = join(dir, 'server.properties');
  return {
    name: 'kafka',
    address: `127.0.0.1:${port}`,
    ports: [port, controllerPort],
    env: { MESH_KAFKA_BROKERS: `127.0.0.1:${port}` },
    dir,
    prepare: async () => {
      await mkdir(dir, { recursive: true });
      await writeFile(properties, serverProperties(join(dir, 'data'), port, controllerPort));
      if (!existsSync(join(dir, 'data'))) await formatStorage(dir, jars);
    },
    processes: [
      {
        name: 'kafka',
        command: 'java',
        args: [...java(jars), 'kafka.Kafka', properties],
        probe: () => probeKafka(port),
      },
    ],
  };
}

function serverProperties(data: string, port: number, controllerPort: number): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': data,
    'auto.create.topics.enable': false,
    // A gateway's group has one member: waiting for more would only delay its start.
    'group.initial.rebalance.delay.ms': 0,
    'offsets.topic.num.partitions': 1,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'log.segment.delete.delay.ms': 1_000,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${String(value)}\n`)
    .join('');
}

/** Formats a data directory that gets its name only when complete. */
async function formatStorage(dir: string, jars: string): Promise<void> {
  const unfinished = join(dir, 'data.unfinished');
  const properties = join(dir, 'format.properties');
  await rm(unfinished, { recursive: true, force: true });
  await writeFile(properties, serverProperties(unfinished, 1, 2));
  const tool = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties];
  await run('kafka', ['java', ...java(jars), ...tool], {
    clock: systemClock,
    say: () => undefined,
  });
  await rename(unfinished, join(dir, 'data'));
}

/** A broker for minutes on few cores: compiling better than C1 does takes longer than it saves. */
const java = (jars: string): string[] => [
  ...['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  ...['-cp', join(jars, '*')],
];

async function probeKafka(port: number): Promise<void> {
  await using bus = createKafkaBus({
    brokers: [`127.0.0.1:${port}`],
    clientId: 'stack',
    clock: systemClock,
  });
  await bus.ping();
}
