/** Traces as a developer sees them: the mesh in one process, Zipkin beside it, and what `stack env` says. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { installZipkin, zipkinServer } from '../../cli/stack/zipkin.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { SPANS } from '../../lib/telemetry/names.ts';
import { openGraph } from '../support/clients.ts';
import { connect } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startEmbedded, type EmbeddedMesh } from '../support/mesh.ts';
import { startServer } from '../support/server.ts';

interface ZipkinSpan {
  readonly id: string;
  readonly parentId?: string;
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
}

let disposer: Disposer;
let mesh: EmbeddedMesh;
let zipkin: string;

beforeAll(async () => {
  disposer = createDisposer();
  const jar = await installZipkin({ clock, say: () => undefined });
  const port = await freePort();
  const { spec } = disposer.add(
    await startServer('traces', (dir) => zipkinServer({ dir, jar, port })),
  );
  zipkin = `http://${spec.address}`;
  const settings = { OTEL_BSP_SCHEDULE_DELAY: '100', MESH_CLOSE_GRACE_MS: '300' };
  mesh = disposer.add(await startEmbedded({ ...spec.env, ...settings }));
}, 300_000);

afterAll(async () => disposer[Symbol.asyncDispose]());

/** The newest traces with a span of these tags. */
async function search(tags: string): Promise<ZipkinSpan[][]> {
  const query = new URLSearchParams({ annotationQuery: tags, limit: '10' });
  const response = await fetch(`${zipkin}/api/v2/traces?${query.toString()}`);
  return (await response.json()) as ZipkinSpan[][];
}

test('a friend’s OFFLINE is found by its tags, with its whole way', async () => {
  using graph = openGraph(mesh.grpcAddress);
  await graph.unary((client) => client.befriend, { userId: 'alice', friendUserId: 'bob' });
  using alice = await connect(mesh.address, 'alice');
  const bob = await connect(mesh.address, 'bob');
  await alice.sees('bob', 'STATUS_ONLINE');
  bob.close();
  const { version = '' } = await alice.sees('bob', 'STATUS_OFFLINE');
  await eventually(async () => {
    const found = await search(`presence.status=OFFLINE and presence.version=${version}`);
    expect(found).toHaveLength(1);
    const spans = found[0]!;
    const under = (parent: ZipkinSpan | undefined, name: string): ZipkinSpan | undefined =>
      spans.find((span) => span.name === name && span.parentId === parent?.id);
    const outbox = under(undefined, SPANS.outbox);
    expect(outbox?.tags).toMatchObject({ 'presence.user.id': 'bob', 'presence.cause': 'CLOSED' });
    const send = under(under(outbox, SPANS.audience), SPANS.send);
    expect(under(send, SPANS.deliver)?.tags['presence.recipients']).toBe('1');
  });
});
