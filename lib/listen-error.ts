import { hostPort } from './addresses.ts';

export interface ListenProblem {
  readonly protocol: 'HTTP' | 'gRPC';
  readonly host: string;
  readonly port: number;
  /** What the system said, where that is known. */
  readonly reason?: string;
}

/** A port could not be had: a matter for who starts the process, told in a line and without a stack. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  constructor({ protocol, host, port, reason = '' }: ListenProblem) {
    const settings = `MESH_${protocol.toUpperCase()}`;
    const advice = reason.includes('EADDRNOTAVAIL')
      ? `This machine has no such address: set ${settings}_HOST.`
      : `Is another one running? Set ${settings}_PORT.`;
    super(`${protocol} cannot listen on ${hostPort(host, port)}. ${advice}`);
  }
}
