/** The seed's presence service, as written: `SET user:<id>:presence Online EX 30` for every beat. */
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import { Redis } from 'ioredis';
import { literalService } from '../support/literal-service.ts';
import { serveRemote } from '../support/remote.ts';

export interface LiteralPresence {
  /** Serves for as long as the process lives; resolves with the port. */
  readonly serve: (redisUrl: string) => Promise<number>;
  /** Beats that Redis has answered. */
  readonly beats: () => number;
}

const TTL_S = 30;

let beats = 0;

serveRemote({ serve, beats: () => beats } satisfies LiteralPresence);

function serve(redisUrl: string): Promise<number> {
  const redis = new Redis(redisUrl);
  const heartbeat: handleUnaryCall<string, undefined> = (call, callback) => {
    redis.set(`user:${call.request}:presence`, 'Online', 'EX', TTL_S).then(
      () => {
        beats++;
        callback(null, undefined);
      },
      (error: unknown) => callback({ details: String(error) }),
    );
  };
  const server = new Server();
  server.addService(literalService, { heartbeat });
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}
