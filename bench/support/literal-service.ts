/** The seed's heartbeat as one unary gRPC call. The user id travels bare: no encoding could cost less. */
import { makeGenericClientConstructor, type ServiceDefinition } from '@grpc/grpc-js';

export const literalService = {
  heartbeat: {
    path: '/bench.v1.LiteralService/Heartbeat',
    requestStream: false,
    responseStream: false,
    requestSerialize: (userId: string) => Buffer.from(userId),
    requestDeserialize: (bytes: Buffer) => bytes.toString(),
    responseSerialize: () => Buffer.alloc(0),
    responseDeserialize: () => undefined,
  },
} satisfies ServiceDefinition;

export const LiteralClient = makeGenericClientConstructor(literalService, 'LiteralService');
