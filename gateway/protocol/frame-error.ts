import { ErrorCode } from '../../gen/edge/v1/frames.ts';

/** Something a client sent was refused; the words go back to it: what was wrong, what would be right. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message.length > 400 ? `${message.slice(0, 400)}…` : message);
    this.code = code;
  }
}

export const badFrame = (message: string): FrameError =>
  new FrameError(ErrorCode.ERROR_CODE_BAD_FRAME, message);

export const invalidField = (field: string, problem: string): FrameError =>
  new FrameError(ErrorCode.ERROR_CODE_INVALID_ARGUMENT, `${field}: ${problem}`);
