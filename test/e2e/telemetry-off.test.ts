/** A whole mesh in one process: silent unless asked, and when it stops it has told everything. */
import { expect, test } from '@jest/globals';
import { ATTRIBUTES, SPANS } from '../../lib/telemetry/names.ts';
import { connect } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import { startEmbedded } from '../support/mesh.ts';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';

/** Never, as far as a test goes: only what is sent at the end is seen. */
const LATE = { OTEL_BSP_SCHEDULE_DELAY: '600000', OTEL_METRIC_EXPORT_INTERVAL: '600000' };

async function visit(env: Readonly<Record<string, string>>): Promise<void> {
  await using mesh = await startEmbedded(env);
  using ann = await connect(mesh.address, 'ann');
  ann.send({ setStatus: { status: 'STATUS_BUSY' } });
  ann.close();
  await ann.whenClosed();
  mesh.signal('SIGTERM');
  await eventually(() => mesh.pids().every(hasEnded));
}

function hasEnded(pid: number): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}

test('what has not been sent is sent when it stops', async () => {
  await using collector = await startOtlpReceiver();
  await visit({ ...collector.env, ...LATE });
  await eventually(() => {
    expect(collector.series().map(({ service }) => service)).toContain('mesh-up');
    const received = collector.spans.filter(({ name }) => name === SPANS.receive);
    const events = received.map(({ attributes }) => attributes[ATTRIBUTES.event]);
    // Presence may answer what was asked together in any order.
    expect(events.sort()).toEqual(['choose', 'close', 'open']);
  });
});

test('of unsampled traces nothing is told', async () => {
  await using collector = await startOtlpReceiver();
  await visit({ ...collector.env, ...LATE, OTEL_TRACES_SAMPLER: 'always_off' });
  await eventually(() => expect(collector.series()).not.toEqual([]));
  expect(collector.spans).toEqual([]);
});

test('turned off, nothing is sent', async () => {
  await using collector = await startOtlpReceiver();
  await visit({ ...collector.env, OTEL_SDK_DISABLED: 'true' });
  expect(collector.bodies).toEqual([]);
});
