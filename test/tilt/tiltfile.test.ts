/** The Tiltfile as Tilt itself reads it, for local processes and for Kubernetes, and its buttons pressed. */
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { knownNames } from '../../cli/settings.ts';
import { installTilt } from '../../cli/stack/tilt.ts';
import { createAuthenticator } from '../../gateway/door/auth.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { eventually } from '../support/eventually.ts';
import { startEmbedded, type EmbeddedMesh } from '../support/mesh.ts';
import { temporaryDir } from '../support/server.ts';
import { checkManifests, installManifestCheck } from './manifest-check.ts';
import {
  evaluate,
  kubeconfig,
  linkedCheckout,
  runCommand,
  start,
  type Environment,
  type Evaluated,
  type Resource,
} from './tilt.ts';

let tilt: string;
let checkout: string;
let own: Environment;

beforeAll(async () => {
  tilt = await installTilt({ clock, say: () => undefined });
  checkout = await linkedCheckout();
  own = { KUBECONFIG: await kubeconfig('kind-nowhere') };
}, 600_000);

const read = (args: readonly string[], env: Environment = {}): Promise<Evaluated> =>
  evaluate(tilt, checkout, args, { ...own, ...env });

const named = ({ resources }: Evaluated, name: string): Resource =>
  resources.find(({ Name }) => Name === name)!;
const environmentOf = (evaluated: Evaluated, name: string): readonly string[] =>
  named(evaluated, name).DeployTarget.ServeCmd!.Env;

/** A resource is not waited for by what is before it. */
function expectOrdered(resources: readonly Resource[]): void {
  const names = new Set(resources.map(({ Name }) => Name));
  for (const { Name, ResourceDependencies, Labels } of resources) {
    for (const dependency of ResourceDependencies ?? []) expect([...names]).toContain(dependency);
    expect(`${Name} ${Object.keys(Labels).length}`).toBe(`${Name} 1`);
  }
}

describe('as local processes', () => {
  let local: Evaluated;
  beforeAll(async () => void (local = await read([])));

  test('the servers, what shows traces, and every part', () => {
    const servers = ['redis', 'kafka', 'dgraph', 'traces'];
    const parts = ['presence', 'graph', 'fanout', 'gateway-1', 'gateway-2'];
    expect([...local.enabled].sort()).toEqual(
      ['build', 'contracts', 'keys', ...servers, ...parts].sort(),
    );
    expectOrdered(local.resources);
  });

  test('parts are given settings that they know, and send traces', () => {
    for (const name of ['presence', 'graph', 'fanout', 'gateway-1', 'gateway-2']) {
      const names = environmentOf(local, name).map((line) => line.split('=')[0]!);
      expect(names).toContain('OTEL_TRACES_EXPORTER');
      expect(knownNames).toEqual(
        expect.arrayContaining(names.filter((setting) => !setting.startsWith('OTEL_'))),
      );
    }
  });

  test('whoever has a collector of their own keeps it', async () => {
    const given = await read([], { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' });
    expect(given.enabled).not.toContain('traces');
    expect(environmentOf(given, 'presence').join()).not.toContain('OTEL_');
  });

  test('names are resources, which come with what they need', async () => {
    const needed = ['build', 'contracts', 'kafka', 'redis'];
    expect([...(await read(['presence'])).enabled].sort()).toEqual([...needed, 'presence'].sort());
    await expect(read(['reddis'])).rejects.toThrow(/reddis/);
  });
});

describe('on Kubernetes', () => {
  const PARTS = ['presence', 'graph', 'fanout', 'gateway'];
  let cluster: Evaluated;
  beforeAll(async () => void (cluster = await read(['--k8s'])));

  test('the servers, what shows traces, and every part', () => {
    const servers = ['redis', 'kafka', 'dgraph-zero', 'dgraph-alpha', 'traces'];
    expect([...cluster.enabled].sort()).toEqual(['settings', ...servers, ...PARTS].sort());
    expectOrdered(cluster.resources);
  });

  test('every part runs the image that is built here, and is reached from here', () => {
    const ports = [50051, 50052, 8081, 8080];
    for (const [index, name] of PARTS.entries()) {
      const { ImageTargets, DeployTarget } = named(cluster, name);
      expect(ImageTargets).toMatchObject([{ selector: 'presence-mesh' }]);
      const { forwards } = DeployTarget.portForwardTemplateSpec!;
      expect(forwards).toMatchObject([{ localPort: ports[index] }]);
      expect(DeployTarget.yaml).toContain('kind: PodDisruptionBudget');
    }
  });

  test('Kubernetes would take all that is applied', async () => {
    const file = join(await temporaryDir('applied'), 'all.yaml');
    const all = cluster.resources.map(({ DeployTarget }) => DeployTarget.yaml!);
    await writeFile(file, all.join('\n---\n'));
    const { objects, problems } = await checkManifests(await installManifestCheck(), [file]);
    expect(problems).toBe('');
    const kinds = new Set(objects.map(({ kind }) => kind as string));
    expect(kinds.size).toBe(7);
  }, 600_000);

  const secretOf = (evaluated: Evaluated): string =>
    /secret: (.+)/.exec(named(evaluated, 'settings').DeployTarget.yaml!)![1]!;

  test('tokens are signed with a secret of this checkout, or the one given', async () => {
    const secret = secretOf(cluster);
    expect(Buffer.from(secret, 'base64')).toHaveLength(32);
    expect(secretOf(await read(['--k8s']))).toBe(secret);
    const { mode } = await stat(join(checkout, '.tilt', 'jwt-secret'));
    expect(mode & 0o777).toBe(0o600);
    const given = 'of-the-developers-own-choice-for-this';
    expect(secretOf(await read(['--k8s'], { MESH_JWT_SECRET: given }))).toBe(given);
  });

  test('a context that may be anybody’s is refused', async () => {
    const KUBECONFIG = await kubeconfig('production');
    await expect(read(['--k8s'], { KUBECONFIG })).rejects.toThrow(/production/);
  });

  test('the token that the button makes opens the gateway', async () => {
    const { spec } = cluster.buttons['gateway: make a token']!;
    const token = await runCommand(checkout, spec, { USER_ID: 'alice', OPERATOR: '--operator' });
    const jwtSecret = secretOf(cluster);
    const { authenticate } = createAuthenticator({
      mode: 'jwt',
      jwtSecret,
      host: '0.0.0.0',
      clock,
    });
    expect(await authenticate(token)).toMatchObject({ userId: 'alice', isOperator: true });
  });
});

describe('buttons', () => {
  let mesh: EmbeddedMesh;
  let local: Evaluated;
  let addresses: Environment;
  beforeAll(async () => {
    mesh = await startEmbedded();
    local = await read([]);
    addresses = { MESH_GRAPH_ADDRS: mesh.grpcAddress, MESH_PRESENCE_ADDRS: mesh.grpcAddress };
  }, 60_000);
  afterAll(async () => mesh[Symbol.asyncDispose]());

  const pressed = (name: string, inputs: Environment): Promise<string> =>
    runCommand(checkout, local.buttons[name]!.spec, { ...addresses, ...inputs });

  test('import the graph', async () => {
    const FILE = 'examples/friends.tsv';
    const lines = (await readFile(join(checkout, FILE), 'utf8')).trim().split('\n');
    const said = await pressed('graph: import the graph', { FILE });
    expect(said).toMatch(`imported ${lines.length} edges`);
  });

  test('explain a user', async () => {
    const USER_ID = 'alice';
    expect(await pressed('presence: explain a user', { USER_ID })).toMatch(/^alice {2}OFFLINE/);
    await expect(pressed('presence: explain a user', { USER_ID: '$(id)' })).rejects.toThrow(
      '$(id)',
    );
  });

  test('make a token', async () => {
    const inputs = { USER_ID: 'alice', OPERATOR: '' };
    expect(await pressed('gateway-1: make a token', inputs)).toBe('dev:alice');
  });

  test('kill a gateway', async () => {
    const { Argv, Env } = named(local, 'gateway-2').DeployTarget.ServeCmd!;
    await runCommand(checkout, named(local, 'keys').DeployTarget.UpdateCmdSpec!, {});
    const gateway = start(checkout, Argv, Env, { MESH_HTTP_PORT: '0' });
    const ended = once(gateway, 'exit');
    await eventually(async () => {
      const pid = await readFile(join(checkout, '.tilt', 'gateway-2.pid'), 'utf8');
      expect(Number(pid)).toBe(gateway.pid);
    });
    await pressed('gateway-2: kill this gateway', {});
    expect(await ended).toEqual([null, 'SIGKILL']);
  });
});
