/** A way to a server that can freeze: connections stand and are taken, and nothing comes through any more. */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

export interface FreezingProxy extends AsyncDisposable {
  /** host:port to connect to. */
  readonly address: string;
  freeze(): void;
  /** What was sent meanwhile comes through now. */
  thaw(): void;
}

export async function startFreezingProxy(toPort: number): Promise<FreezingProxy> {
  const sockets = new Set<Socket>();
  let isFrozen = false;
  const join = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on('data', (bytes) => to.write(bytes));
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
    from.on('error', () => undefined);
    if (isFrozen) from.pause();
  };
  const server = createServer((incoming) => {
    const outgoing = connect(toPort, '127.0.0.1');
    join(incoming, outgoing);
    join(outgoing, incoming);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    freeze() {
      isFrozen = true;
      sockets.forEach((socket) => socket.pause());
    },
    thaw() {
      isFrozen = false;
      sockets.forEach((socket) => socket.resume());
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      sockets.forEach((socket) => socket.destroy());
      await closed;
    },
  };
}
