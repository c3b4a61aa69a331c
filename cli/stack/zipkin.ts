/** Zipkin, which shows traces in a browser; one jar, fetched by Maven. Keeps them in memory. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDir, fetchOnce } from './cache.ts';
import { probeHttp } from './probes.ts';
import type { ServerSpec } from './server.ts';
import { requireTools, run, type RunContext } from './tools.ts';

const VERSION = '3.5.1';
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy';
/** With the page and storage in memory, without clients of message queues. */
const ARTIFACT = `io.zipkin:zipkin-server:${VERSION}:jar:slim`;

/** Resolves with the jar, fetching it the first time. */
export async function installZipkin(context: RunContext): Promise<string> {
  requireTools('Zipkin', 'java');
  const dir = join(cacheDir(), `zipkin-${VERSION}`);
  await fetchOnce(dir, context, async (cwd) => {
    requireTools('Fetching Zipkin', 'mvn');
    context.say(`zipkin: fetching ${VERSION} by Maven, once, 84 MB`);
    const copy = [COPY, `-Dartifact=${ARTIFACT}`, '-DoutputDirectory=.'];
    await run('zipkin', ['mvn', '-B', '-q', ...copy], { ...context, cwd });
  });
  return join(dir, `zipkin-server-${VERSION}-slim.jar`);
}

export interface ZipkinOptions {
  readonly dir: string;
  readonly jar: string;
  readonly port: number;
}

export function zipkinServer({ dir, jar, port }: ZipkinOptions): ServerSpec {
  const url = `http://127.0.0.1:${port}`;
  return {
    name: 'traces',
    address: `127.0.0.1:${port}`,
    ports: [port],
    env: {
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${url}/api/v2/spans`,
      OTEL_TRACES_EXPORTER: 'zipkin',
      // It would show what is known of the host and the process with every span.
      OTEL_NODE_RESOURCE_DETECTORS: 'env',
    },
    dir,
    prepare: async () => {
      await mkdir(dir, { recursive: true });
    },
    processes: [
      {
        name: 'zipkin',
        command: 'java',
        args: [...java(port), '-jar', jar],
        probe: () => probeHttp(`${url}/health`),
      },
    ],
  };
}

const java = (port: number): string[] => [
  ...['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
  // Its own settings have the port but not the interface.
  ...['ip=127.0.0.1', `port=${port}`, 'protocols[0]=http'].map(
    (set) => `-Darmeria.ports[0].${set}`,
  ),
  '-Dlogging.level.root=WARN',
];
