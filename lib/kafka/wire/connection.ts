/** One TCP connection to a broker. Requests are answered in order; one that is not answered in time closes it. */
import { connect, type Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import { BusError } from '../bus.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import type { RequestType } from './requests.ts';

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
}

export interface Connection {
  /** False once it has failed or been closed; it does not come back. */
  readonly isOpen: boolean;
  /** Fails with BusError UNAVAILABLE. */
  request<Q, R>(
    type: RequestType<Q, R>,
    request: Q,
    options: { timeoutMs: number; sizeHint?: number },
  ): Promise<R>;
  close(): void;
}

interface Pending {
  readonly correlationId: number;
  readonly settle: (answer: Buffer | BusError) => void;
}

const HEADER_VERSION_1_BYTES = 64;

/** Requests made before the connection is there wait for it. */
export function openConnection(options: ConnectionOptions): Connection {
  const address = `${options.host}:${options.port}`;
  const socket = connect({ host: options.host, port: options.port, noDelay: true });
  let pending: Pending[] = [];
  let nextId = 0;
  let isOpen = true;

  const fail = (problem: string): void => {
    if (!isOpen) return;
    isOpen = false;
    connecting.cancel();
    socket.destroy();
    const error = new BusError('UNAVAILABLE', `Kafka at ${address}: ${problem}`);
    const failed = pending;
    pending = [];
    for (const { settle } of failed) settle(error);
  };
  const connecting = options.clock.after(options.connectTimeoutMs, () => {
    fail(`no connection within ${options.connectTimeoutMs} ms`);
  });
  socket.once('connect', () => connecting.cancel());
  socket.once('error', (error) => fail(error.message));
  socket.once('close', () => fail('the connection was closed'));
  readFrames(socket, (frame) => {
    const first = pending.shift();
    if (first?.correlationId === frame.readInt32BE(0)) first.settle(frame);
    else fail('it answered what was not asked');
  });

  const exchange = (frame: Buffer, correlationId: number, what: string, timeoutMs: number) =>
    new Promise<Buffer>((resolve, reject) => {
      const timer = options.clock.after(timeoutMs, () => {
        fail(`${what} was not answered within ${timeoutMs} ms`);
      });
      const settle = (answer: Buffer | BusError): void => {
        timer.cancel();
        if (answer instanceof BusError) reject(answer);
        else resolve(answer);
      };
      pending.push({ correlationId, settle });
      socket.write(frame);
    });

  return {
    get isOpen() {
      return isOpen;
    },
    request: async (type, request, { timeoutMs, sizeHint = 256 }) => {
      if (!isOpen) throw new BusError('UNAVAILABLE', `Kafka at ${address}: connection closed`);
      const correlationId = (nextId = (nextId + 1) & 0x7fffffff);
      const writer = new ByteWriter(sizeHint + HEADER_VERSION_1_BYTES + options.clientId.length);
      const length = writer.reserveInt32();
      writer.int16(type.apiKey).int16(type.version).int32(correlationId).string(options.clientId);
      type.write(writer, request);
      writer.patchInt32(length, writer.length - 4);
      const answer = await exchange(writer.finish(), correlationId, type.name, timeoutMs);
      try {
        return type.read(new ByteReader(answer, 4));
      } catch (cause) {
        const problem = `its answer to ${type.name} version ${type.version} cannot be read`;
        throw new BusError('INVALID', `Kafka at ${address}: ${problem}`, { cause });
      }
    },
    close: () => fail('the connection was closed'),
  };
}

/** Cuts the stream into frames, each after its length; one that arrives whole is not copied. */
function readFrames(socket: Socket, onFrame: (frame: Buffer) => void): void {
  let chunks: Buffer[] = [];
  let size = 0;
  let needed = 4;
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < needed) return;
    let data = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    for (;;) {
      needed = data.length < 4 ? 4 : 4 + data.readInt32BE(0);
      if (data.length < needed) break;
      onFrame(data.subarray(4, needed));
      data = data.subarray(needed);
    }
    chunks = data.length > 0 ? [data] : [];
    size = data.length;
  });
}
