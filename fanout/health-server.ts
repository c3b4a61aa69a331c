/** Health over HTTP, for whoever runs the process. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../lib/errors.ts';
import { ListenError } from '../lib/listen-error.ts';
import { readinessReport, withoutDetail, type Readiness } from '../lib/readiness.ts';

export interface HealthServer extends AsyncDisposable {
  readonly port: number;
}

/** As the gateway's: `/healthz`: the process lives. `/readyz`: 200, or 503 with the upstreams that fail. */
export async function createHealthServer(
  readiness: Readiness,
  host: string,
  port: number,
): Promise<HealthServer> {
  const server = createServer(answer(readiness));
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new ListenError({ protocol: 'HTTP', host, port, reason: messageOf(error) });
  }
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(readiness: Readiness): RequestListener {
  return (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const [code, text] = answerTo(pathname, readiness);
    response.writeHead(code, { 'content-type': 'application/json; charset=utf-8' });
    response.end(`${text}\n`);
  };
}

function answerTo(pathname: string, readiness: Readiness): [code: number, text: string] {
  if (pathname === '/healthz') return [200, '{"status":"ok"}'];
  if (pathname !== '/readyz') {
    const message = `nothing is served at ${pathname}; see /healthz, /readyz`;
    return [404, JSON.stringify({ error: { code: 'NOT_FOUND', message } })];
  }
  const report = readinessReport(readiness.failing().map(withoutDetail));
  return [readiness.isReady() ? 200 : 503, report];
}
