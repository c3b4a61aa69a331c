/** Asks a process for its health, once. */
import { credentials, Metadata, status } from '@grpc/grpc-js';
import {
  HealthCheckResponse_ServingStatus as Serving,
  HealthClient,
} from '../gen/grpc/health/v1/health.ts';
import { systemClock as clock } from '../lib/clock.ts';

const TIMEOUT_MS = 2000;

/** Undefined: nobody answers. A process that knows no such service is for its caller to find out about. */
export function isServing(address: string, service: string): Promise<boolean | undefined> {
  const client = new HealthClient(address, credentials.createInsecure());
  const deadline = clock.now() + TIMEOUT_MS;
  return new Promise((resolve) => {
    client.check({ service }, new Metadata(), { deadline }, (error, response) => {
      client.close();
      if (!error) resolve(response.status === Serving.SERVING);
      else resolve(NOBODY.has(error.code) ? undefined : true);
    });
  });
}

const NOBODY: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]);
