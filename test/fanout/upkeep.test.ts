import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { gatewayTopic } from '../../fanout/topics.ts';
import { BusError } from '../../lib/kafka/bus.ts';
import { eventually } from '../support/eventually.ts';
import { breakable } from './faults.ts';
import { createRig, type Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await createRig();
});
afterEach(async () => {
  await rig[Symbol.asyncDispose]();
});

test('topics of gateways that are gone for long are removed, those of live ones stay', async () => {
  const alive = await rig.gateway('gw-alive');
  const dead = await rig.gateway('gw-dead');
  await dead.die();
  await rig.worker({ janitor: { intervalMs: 10, goneMs: 50 } });
  const topics = () => rig.bus.listTopics(gatewayTopic(''));
  await eventually(async () => {
    expect(await topics()).toEqual([gatewayTopic(alive.gatewayId)]);
  });
});

/** Over a connection of its own, which is over with the answer. */
async function answerOf(url: string) {
  const request = get(url, { agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { code: response.statusCode, text: await text(response) };
}

test('health tells what is missing, and nothing of where it is, until nothing is', async () => {
  const { broken, setDown } = breakable(
    rig.bus,
    () => new BusError('UNAVAILABLE', 'no broker of 127.0.0.1:9092 answers'),
  );
  setDown(true);
  const { port } = await rig.worker({ httpPort: 0, bus: broken });
  const ask = (path: string) => answerOf(`http://127.0.0.1:${port}${path}`);
  expect(await ask('/healthz')).toEqual({ code: 200, text: '{"status":"ok"}\n' });
  await eventually(async () => {
    expect(await ask('/readyz')).toEqual({
      code: 503,
      text: '{"ready":false,"problems":["kafka: not working; the log says why"]}\n',
    });
  });
  setDown(false);
  await eventually(async () => {
    expect(await ask('/readyz')).toEqual({
      code: 200,
      text: '{"ready":true,"problems":[]}\n',
    });
  });
  expect((await ask('/metrics')).code).toBe(404);
});

test('a port that is taken is named, with the setting that mends it', async () => {
  const { port } = await rig.worker({ httpPort: 0 });
  await expect(rig.worker({ httpPort: port })).rejects.toThrow(
    `HTTP cannot listen on 127.0.0.1:${port}. Is another one running? Set MESH_HTTP_PORT.`,
  );
});
