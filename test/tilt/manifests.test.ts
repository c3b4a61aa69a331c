/** What `tilt up -- --k8s` applies: would a server take it, does it hang together, and do the parts accept it? */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { knownNames } from '../../cli/settings.ts';
import * as fanout from '../../fanout/main.ts';
import { readFanoutSettings } from '../../fanout/config.ts';
import { createAuthenticator } from '../../gateway/door/auth.ts';
import * as gateway from '../../gateway/main.ts';
import { readGatewaySettings } from '../../gateway/config.ts';
import * as graph from '../../graph/main.ts';
import { readGraphSettings } from '../../graph/config.ts';
import type { ServerSpec } from '../../cli/stack/server.ts';
import { probeTcp } from '../../cli/stack/probes.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { generateVapidKeys } from '../../lib/web-push/vapid.ts';
import { openRedis } from '../../lib/redis/connection.ts';
import * as presence from '../../presence/main.ts';
import { readPresenceSettings } from '../../presence/config.ts';
import { checkRedisSettings } from '../../store/redis-settings.ts';
import { freePort } from '../support/free-port.ts';
import { packageRoot } from '../support/package-root.ts';
import { startServer, temporaryDir } from '../support/server.ts';
import { isWorkload, selected, type Container, type EnvVar, type Manifest } from './kubernetes.ts';
import { checkManifests, installManifestCheck } from './manifest-check.ts';

const DIR = join(packageRoot(), 'tilt', 'k8s');
const PARTS = {
  presence: { ...presence, read: readPresenceSettings },
  graph: { ...graph, read: readGraphSettings },
  fanout: { ...fanout, read: readFanoutSettings },
  gateway: { ...gateway, read: readGatewaySettings },
};
type PartName = keyof typeof PARTS;
const NAMES = Object.keys(PARTS) as PartName[];

let binary: string;
let objects: readonly Manifest[];
let problems: string;

beforeAll(async () => {
  binary = await installManifestCheck();
  const files = (await readdir(DIR)).filter((name) => name.endsWith('.yaml'));
  ({ objects, problems } = await checkManifests(
    binary,
    files.map((name) => join(DIR, name)),
  ));
}, 600_000);

const workload = (name: string) =>
  objects.filter(isWorkload).find(({ metadata }) => metadata.name === name)!;
const containerOf = (name: string): Container => workload(name).spec.template.spec.containers[0];
const ofKind = <K extends Manifest['kind']>(kind: K) =>
  objects.filter((object): object is Extract<Manifest, { kind: K }> => object.kind === kind);

test('Kubernetes would take them all', () => {
  expect(problems).toBe('');
  const workloads = objects.filter(isWorkload).map(({ metadata }) => metadata.name);
  const servers = ['dgraph-alpha', 'dgraph-zero', 'kafka', 'redis', 'traces'];
  expect(workloads.sort()).toEqual([...servers, ...NAMES].sort());
});

test.each([
  [
    'a field that does not exist',
    'readinessProbe:',
    'readynessProbe:',
    /unknown field .*readyness/,
  ],
  ['a value of the wrong kind', 'replicas: 2', 'replicas: two', /replicas/],
  ['a port that is none', 'containerPort: 8080', 'containerPort: 80800', /must be between 1 and/],
  [
    'a selector of other pods',
    'name: gateway\n  template',
    'name: gatewei\n  template',
    /selector/,
  ],
  ['two kinds of budget', 'maxUnavailable: 1', 'maxUnavailable: 1\n  minAvailable: 1', /both set/],
  ['an object nobody knows', 'kind: Service', 'kind: Servize', /no kind "Servize"/],
])('%s is found', async (_what, right, wrong, problem) => {
  const manifest = await readFile(join(DIR, 'gateway.yaml'), 'utf8');
  const file = join(await temporaryDir('manifests'), 'gateway.yaml');
  await writeFile(file, manifest.replace(right, wrong));
  const checked = await checkManifests(binary, [file]);
  expect(checked.problems).toMatch(problem);
  expect(checked.objects).toHaveLength(2);
});

test('each service finds the pods of one workload, and the ports by their names', () => {
  for (const { metadata, spec } of ofKind('Service')) {
    const found = selected(objects, spec.selector);
    expect(found.map(({ metadata: { name } }) => name)).toEqual([metadata.name]);
    const names = found[0]!.spec.template.spec.containers[0].ports!.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(spec.ports.map(({ targetPort }) => targetPort)));
  }
});

test('one pod of each part can always be taken away, and something is left', () => {
  const budgets = ofKind('PodDisruptionBudget');
  expect(budgets.map(({ metadata }) => metadata.name).sort()).toEqual([...NAMES].sort());
  for (const { spec } of budgets) {
    const [found] = selected(objects, spec.selector.matchLabels);
    expect(found!.spec.replicas).toBeGreaterThan(spec.maxUnavailable);
  }
});

test.each(NAMES)('%s has the time to close before it is killed', (name) => {
  const { terminationGracePeriodSeconds } = workload(name).spec.template.spec;
  const command = containerOf(name).lifecycle?.preStop?.exec?.command ?? ['sleep', '0'];
  const closedAfterMs = Number(command[1]) * 1000 + PARTS[name].CLOSE_WITHIN_MS;
  expect(terminationGracePeriodSeconds * 1000).toBeGreaterThan(closedAfterMs);
});

/** What `mesh vapid` prints. */
function vapidKeys(): Record<string, string> {
  const { publicKey, privateKey } = generateVapidKeys('mailto:you@example.com');
  return {
    MESH_VAPID_SUBJECT: 'mailto:you@example.com',
    MESH_VAPID_PUBLIC_KEY: publicKey,
    MESH_VAPID_PRIVATE_KEY: privateKey,
  };
}

const SECRETS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'mesh-jwt': { secret: 'a secret of at least thirty-two bytes' },
  'mesh-vapid': vapidKeys(),
};

/** The environment of a pod's process. */
function environmentOf(name: string): Record<string, string> {
  const { env = [], envFrom = [] } = containerOf(name);
  const maps = Object.fromEntries(
    ofKind('ConfigMap').map(({ metadata, data }) => [metadata.name, data]),
  );
  const shared = envFrom.map(({ configMapRef, secretRef }) =>
    configMapRef ? maps[configMapRef.name]! : SECRETS[secretRef!.name]!,
  );
  const own = env.map((variable) => [variable.name, valueOf(variable, name)] as const);
  return Object.assign({}, ...shared, Object.fromEntries(own)) as Record<string, string>;
}

function valueOf({ value, valueFrom }: EnvVar, name: string): string {
  if (valueFrom?.secretKeyRef) {
    const { name: secret, key } = valueFrom.secretKeyRef;
    return SECRETS[secret]![key]!;
  }
  if (!valueFrom) return value!;
  expect(valueFrom.fieldRef?.fieldPath).toBe('metadata.name');
  return `${name}-5d8f9c7b64-x2x7q`;
}

test.each(NAMES)('%s accepts its settings', (name) => {
  expect(containerOf(name)).toMatchObject({ image: 'presence-mesh', args: [name] });
  PARTS[name].read(environmentOf(name), knownNames);
});

test('the private key of Web Push is with fanout, and with nobody else', () => {
  const holders = NAMES.filter((name) => 'MESH_VAPID_PRIVATE_KEY' in environmentOf(name));
  expect(holders).toEqual(['fanout']);
  expect(environmentOf('gateway')).toHaveProperty('MESH_VAPID_PUBLIC_KEY');
});

test('a gateway has a name of its own, and lets nobody in without a signed token', () => {
  const settings = readGatewaySettings(environmentOf('gateway'), knownNames);
  const { MESH_AUTH: mode, MESH_JWT_SECRET: jwtSecret } = settings;
  expect(settings.MESH_GATEWAY_NAME).toBe('gateway-5d8f9c7b64-x2x7q');
  const { authenticate } = createAuthenticator({ mode, jwtSecret, host: '0.0.0.0', clock });
  return expect(authenticate('dev:alice')).rejects.toThrow(/not a valid JWT/);
});

test('every address in the settings is a service and a port of it', () => {
  const served = ofKind('Service').flatMap(({ metadata, spec }) =>
    spec.ports.map(({ port }) => `${metadata.name}:${port}`),
  );
  const [settings] = ofKind('ConfigMap');
  const addresses = Object.values(settings!.data).flatMap(
    (value) => /[\w-]+:\d+$/.exec(value) ?? [],
  );
  expect(addresses).toHaveLength(6);
  expect(served).toEqual(expect.arrayContaining(addresses));
});

/** Names of the workloads that may reach this one; undefined: everybody may. */
function mayReach(name: string): readonly string[] | undefined {
  const found = ofKind('NetworkPolicy').filter(({ metadata }) => metadata.name === name);
  if (found.length === 0) return undefined;
  const { podSelector, policyTypes, ingress } = found[0]!.spec;
  const guarded = selected(objects, podSelector.matchLabels);
  expect(guarded.map(({ metadata }) => metadata.name)).toEqual([name]);
  expect(policyTypes).toEqual(['Ingress']);
  return ingress.flatMap(({ from }) => from!).flatMap(namesOf);
}

function namesOf({ podSelector }: { podSelector?: { matchLabels?: Record<string, string> } }) {
  const { matchLabels } = podSelector!;
  expect(Object.keys(matchLabels!)).toHaveLength(1);
  const found = selected(objects, matchLabels!).map(({ metadata }) => metadata.name);
  return found.length > 0 ? found : Object.keys(matchLabels!);
}

test('who may reach what asks nobody who they are: those whose settings name it, and nobody else', () => {
  expect(mayReach('presence')).toEqual(['gateway', 'graph', 'mesh-client']);
  expect(mayReach('graph')).toEqual(['gateway', 'fanout', 'mesh-client']);
  expect(mayReach('redis')).toEqual(['presence', 'fanout']);
  expect(mayReach('kafka')).toEqual(['presence', 'fanout', 'gateway', 'kafka']);
  expect(mayReach('dgraph-alpha')).toEqual(['graph', 'dgraph-zero', 'dgraph-alpha']);
  expect(mayReach('dgraph-zero')).toEqual(['dgraph-alpha', 'dgraph-zero']);
  expect(mayReach('gateway')).toBeUndefined();
  for (const name of NAMES) {
    const read = Object.entries(PARTS[name].read(environmentOf(name), knownNames));
    for (const [setting, value] of read.filter(([key]) => /_(URL|BROKERS|ADDRS)$/.test(key))) {
      const [, service = ''] = /([\w-]+):\d+$/.exec(String(value)) ?? [];
      expect([setting, mayReach(service)]).toEqual([setting, expect.arrayContaining([name])]);
    }
  }
});

test.each(['presence', 'graph'] as const)('%s: one name for all its pods', (name) => {
  const service = ofKind('Service').find(({ metadata }) => metadata.name === name)!;
  expect(service.spec.clusterIP).toBe('None');
  const port = containerOf(name).ports![0]!.containerPort;
  expect(containerOf(name).readinessProbe?.grpc).toMatchObject({ port });
  expect(containerOf(name).livenessProbe?.grpc).toEqual({
    port,
    service: 'grpc.health.v1.Health',
  });
});

test.each(['fanout', 'gateway'] as const)('%s tells of its health over HTTP', (name) => {
  expect(containerOf(name).readinessProbe?.httpGet?.path).toBe('/readyz');
  expect(containerOf(name).livenessProbe?.httpGet?.path).toBe('/healthz');
});

test('everything says what it needs', () => {
  for (const { spec } of objects.filter(isWorkload)) {
    const { requests } = spec.template.spec.containers[0].resources;
    expect(requests).toEqual({ cpu: expect.any(String), memory: expect.any(String) });
  }
});

function redisServer(dir: string, port: number): ServerSpec {
  const args = containerOf('redis').args!.map((arg) => (arg === '/data' ? dir : arg));
  const command = 'redis-server';
  const probe = (): Promise<void> => probeTcp(port, 'PING\r\n', '+PONG');
  return {
    name: 'redis',
    address: `127.0.0.1:${port}`,
    ports: [port],
    env: {},
    dir,
    prepare: () => Promise.resolve(),
    processes: [
      {
        name: 'redis',
        command,
        args: [...args, '--bind', '127.0.0.1', '--port', String(port)],
        probe,
      },
    ],
  };
}

test('a real Redis with its arguments has the settings that the store asks for', async () => {
  const port = await freePort();
  const server = await startServer('redis', (dir) => redisServer(dir, port));
  const urls = [`redis://127.0.0.1:${port}`];
  const connection = openRedis({ urls, clock, commandTimeoutMs: 2000, name: 'test' });
  try {
    await checkRedisSettings(connection, 64);
  } finally {
    await connection[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  }
}, 30_000);
