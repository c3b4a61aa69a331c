/** Where a collector would listen: takes what processes send over OTLP/HTTP. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OtlpEndpoint extends AsyncDisposable {
  /** As `OTEL_EXPORTER_OTLP_ENDPOINT` wants it. */
  readonly url: string;
}

/** @param take reads a request; it is answered once that is done, and with 400 when it fails */
export async function startOtlpEndpoint(
  take: (request: IncomingMessage) => Promise<void>,
): Promise<OtlpEndpoint> {
  const server = createServer((request, response) => {
    // An empty answer is whole in Protobuf and in JSON: all was taken.
    take(request).then(
      () => response.writeHead(200).end(),
      (error: unknown) => response.writeHead(400).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
