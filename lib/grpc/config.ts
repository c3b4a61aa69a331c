import { LOOPBACK } from '../addresses.ts';
import { listenAddress } from '../config.ts';

/** Settings of whatever serves gRPC. It asks nobody who they are: whoever reaches it may do everything. */
export const grpcSettings = {
  MESH_GRPC_HOST: listenAddress()
    .default(LOOPBACK)
    .describe('address to serve gRPC on; whoever reaches it may do everything'),
};
