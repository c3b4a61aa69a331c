/** A user's device: a plain client whose heartbeats the test sends. */
import { WebSocket } from 'ws';
import type { Gateway } from '../../gateway/app.ts';
import { addressOf } from '../gateway/in-process-mesh.ts';
import { createClientView, type WireFrame, type WirePresence } from '../support/client-view.ts';

export interface DeviceOptions {
  readonly number: number;
  readonly userId: string;
  readonly gateway: Gateway;
  readonly onFrame: () => void;
}

export class Device {
  readonly number: number;
  readonly userId: string;
  readonly gateway: Gateway;
  isFrozen = false;
  isIdle = false;
  nextBeatMs = 0;
  /** Whom it watches, and since when. */
  readonly watching = new Map<string, number>();
  /** Snapshots that were complete. */
  snapshots = 0;
  /** One more than this are to come: it asked. */
  snapshotsBefore = -1;
  /** Presences it was sent and that were not taken yet. */
  readonly #told: WirePresence[] = [];
  /** Where a version it knew was followed by a lower one. */
  readonly regressions: string[] = [];
  readonly #state = createClientView();
  readonly #socket: WebSocket;
  #closeCode: number | undefined;

  constructor({ number, userId, gateway, onFrame }: DeviceOptions) {
    this.number = number;
    this.userId = userId;
    this.gateway = gateway;
    this.#socket = new WebSocket(
      `ws://${addressOf(gateway)}/v1/ws?access_token=dev:${userId}&device=d${number}`,
    );
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', (code) => {
      this.#closeCode = code;
      onFrame();
    });
    this.#socket.on('message', (data) => {
      onFrame();
      this.#receive(JSON.parse((data as Buffer).toString()) as WireFrame);
    });
  }

  get view(): ReadonlyMap<string, WirePresence> {
    return this.#state.view;
  }

  get gaps(): number {
    return this.#state.gaps;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Set once the connection is over. */
  get closeCode(): number | undefined {
    return this.#closeCode;
  }

  send(frame: object): void {
    if (this.isOpen) this.#socket.send(JSON.stringify(frame));
  }

  resync(): void {
    this.snapshotsBefore = this.snapshots;
    this.send({ resync: {} });
  }

  beat(): void {
    this.send({ heartbeat: this.isIdle ? { activity: 'ACTIVITY_IDLE' } : {} });
  }

  close(): void {
    this.#socket.close(1000);
  }

  /** Without a closing handshake. */
  cut(): void {
    this.#socket.terminate();
  }

  /** Resolves when all that was sent has arrived, and all that was on its way here has come. */
  roundTrip(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.isOpen) return resolve();
      const done = (): void => {
        this.#socket.off('pong', done).off('close', done);
        resolve();
      };
      this.#socket.on('pong', done).on('close', done);
      this.#socket.ping();
    });
  }

  /** What it was told since it was last asked. */
  takeTold(): readonly WirePresence[] {
    return this.#told.splice(0);
  }

  #receive(frame: WireFrame): void {
    const before = new Map(this.view);
    this.#state.apply(frame);
    if (frame.snapshot?.last) this.snapshots++;
    this.#told.push(...(frame.snapshot?.presences ?? []), ...(frame.update?.presences ?? []));
    for (const [userId, { version = '0' }] of this.view) {
      const known = before.get(userId)?.version ?? '0';
      if (BigInt(version) < BigInt(known)) {
        this.regressions.push(`${userId}: ${known} then ${version} by ${JSON.stringify(frame)}`);
      }
    }
  }
}
