/** The only presence process hangs, or is gone: nothing that a client asks for is lost in silence. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { connect, type EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import type { Mesh, MeshPart } from '../support/mesh.ts';
import { startStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let mesh: Mesh;

beforeAll(async () => {
  stack = await startStack({ dgraph: 'shared' });
  mesh = stack.mesh;
}, 120_000);

afterEach(async () => {
  const [presence] = mesh.presence;
  if (presence!.pids().length === 0) await presence!.start();
  else presence!.resume();
  await eventually(async () => {
    const response = await fetch(`http://${mesh.gateways[0]!.address}/readyz`);
    expect(response.status).toBe(200);
  });
});

afterAll(async () => stack[Symbol.asyncDispose]());

const errorsOf = ({ frames }: EdgeClient) => frames.flatMap(({ error }) => error ?? []);

test.each([
  [
    'hangs',
    (presence: MeshPart) => {
      presence.pause();
      return Promise.resolve();
    },
  ],
  ['is gone', (presence: MeshPart) => presence.kill()],
])(
  'while presence %s, the newest choice is refused before the connection closes',
  async (_, goAway) => {
    using client = await connect(mesh.gateways[0]!.address, 'away');
    await goAway(mesh.presence[0]!);
    client.send({ heartbeat: { activity: 'ACTIVITY_IDLE' } });
    for (const status of ['STATUS_BUSY', 'STATUS_AWAY', 'STATUS_INVISIBLE']) {
      client.send({ setStatus: { status } });
    }
    expect(await client.whenClosed()).toBe(4006);
    expect(errorsOf(client)).toMatchObject([
      {
        code: 'ERROR_CODE_UNAVAILABLE',
        message: expect.stringMatching(
          /^setStatus: not known to be done: .*; try again in a few seconds \(reference \w{8}\)$/,
        ),
      },
    ]);
  },
);
