/** A record of a gateway to itself: proof that what is written to its topic is read. */
import { GatewayRecord } from '../../gen/fanout/v1/messages.ts';
import type { Clock } from '../../lib/clock.ts';

export interface Marker {
  readonly record: Uint8Array;
  /** A marker was read, perhaps this one. */
  seen(nonce: string): void;
  /** Rejects when it takes too long, or on `signal`. */
  isBack(signal: AbortSignal): Promise<void>;
}

const TIMEOUT_MS = 5000;

export function createMarker(clock: Clock): Marker {
  const nonce = clock.uuid();
  let arrive = (): void => undefined;
  const arrival = new Promise<void>((resolve) => (arrive = resolve));
  return {
    record: GatewayRecord.encode({ payload: { $case: 'marker', value: { nonce } } }).finish(),
    seen: (other) => {
      if (other === nonce) arrive();
    },
    isBack: (signal) =>
      new Promise((resolve, reject) => {
        const settle = (): void => {
          timer.cancel();
          signal.removeEventListener('abort', abort);
        };
        const fail = (error: Error): void => {
          settle();
          reject(error);
        };
        const abort = (): void => fail(signal.reason as Error);
        const timer = clock.after(TIMEOUT_MS, () =>
          fail(new Error(`the gateway's marker has not come back for ${TIMEOUT_MS} ms`)),
        );
        signal.addEventListener('abort', abort);
        void arrival.then(() => {
          settle();
          resolve();
        });
      }),
  };
}
