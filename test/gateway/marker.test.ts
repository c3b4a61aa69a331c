import { getEventListeners } from 'node:events';
import { expect, test } from '@jest/globals';
import { createMarker } from '../../gateway/inbound/marker.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { GatewayRecord } from '../../gen/fanout/v1/messages.ts';

function nonceOf(record: Uint8Array): string {
  const { payload } = GatewayRecord.decode(record);
  return payload?.$case === 'marker' ? payload.value.nonce : '';
}

test('however it ends, waiting for a marker leaves nobody at the signal', async () => {
  const clock = createManualClock();
  const stopping = new AbortController();
  const { signal } = stopping;
  const waiting = (): number => getEventListeners(signal, 'abort').length;

  const marker = createMarker(clock);
  const back = marker.isBack(signal);
  marker.seen('of another process');
  expect(waiting()).toBe(1);
  marker.seen(nonceOf(marker.record));
  await back;
  expect(waiting()).toBe(0);

  const late = createMarker(clock).isBack(signal);
  clock.advance(5000);
  await expect(late).rejects.toThrow('has not come back for 5000 ms');
  expect(waiting()).toBe(0);

  const stopped = createMarker(clock).isBack(signal);
  stopping.abort(new Error('the gateway stops'));
  await expect(stopped).rejects.toThrow('the gateway stops');
  expect(waiting()).toBe(0);
});
