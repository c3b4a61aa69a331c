/** Errors of calls between processes, and the one place where any thrown value becomes a gRPC status. */
import { status, type StatusObject } from '@grpc/grpc-js';

/** A failure with a status and a text that may be shown to the caller. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: status;
  constructor(code: status, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** INVALID_ARGUMENT for one field: what was wrong, what would be right. */
export function invalidArgument(field: string, problem: string): RpcError {
  return new RpcError(status.INVALID_ARGUMENT, `${field}: ${problem}`);
}

/**
 * A server behind this process does not answer. Ports' adapters throw errors whose `code` is this word; their message
 * names the server and its address, and may be shown.
 */
export function isUnavailable(error: unknown): error is Error & { code: unknown } {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'UNAVAILABLE' || error.code === status.UNAVAILABLE;
}

/** Total: whatever was thrown, a status. What is not known gets a text that says nothing of its inside. */
export function toStatus(error: unknown): Pick<StatusObject, 'code' | 'details'> {
  if (error instanceof RpcError) return { code: error.code, details: error.message };
  if (isUnavailable(error)) return { code: status.UNAVAILABLE, details: error.message };
  if (error instanceof Error && error.name === 'AbortError') {
    return { code: status.CANCELLED, details: 'The call was cancelled.' };
  }
  return {
    code: status.INTERNAL,
    details: 'Internal error; the log of the service has the details.',
  };
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
