/** What callers are told when a call fails. */
import { status, type ServiceError } from '@grpc/grpc-js';
import { RpcError } from '../errors.ts';

/** What the service said, or that it does not answer and where it was looked for. */
export function asRpcError(error: unknown, target: string): RpcError {
  if (error instanceof RpcError) return error;
  const { code, details } = error as Partial<ServiceError>;
  if (code === undefined) return new RpcError(status.UNKNOWN, `${target}: ${String(error)}`);
  const words = isOwnWords(code) ? `${target}: ${plain(details ?? '')}` : (details ?? '');
  return new RpcError(code, words, { cause: error });
}

/** What grpc-js says of a connection that failed, without its wrapping. */
function plain(details: string): string {
  return details
    .replace(/^(No connection established\. Last error: )?(Error: )?/, '')
    .replace(/\.? Resolution note: ?$/, '');
}

const isOwnWords = (code: status): boolean =>
  code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED;
