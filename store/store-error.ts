/** What a store throws. */

/**
 * UNAVAILABLE: the server does not answer, or not now; nothing is known of the operation, try again with backoff.
 * REFUSED: it answered that it will not, and will not next time either.
 */
export type StoreErrorCode = 'UNAVAILABLE' | 'REFUSED';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  /** Of the server. */
  readonly address: string;

  constructor(code: StoreErrorCode, address: string, reason: string, cause?: unknown) {
    super(`Redis at ${address}: ${reason}`, { cause });
    this.code = code;
    this.address = address;
  }
}

export interface SettingsProblem {
  /** Of the server. */
  readonly address: string;
  readonly setting: string;
  readonly found: string;
  readonly wanted: string;
  /** The command that mends it. */
  readonly mend: string;
}

/** Servers whose settings would break promises of the mesh; all problems at once. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly SettingsProblem[];

  constructor(problems: readonly SettingsProblem[]) {
    super(problems.map(describe).join('\n'));
    this.problems = problems;
  }
}

function describe({ address, setting, found, wanted, mend }: SettingsProblem): string {
  return `Redis at ${address}: ${setting} is ${found}, must be ${wanted}; to mend: ${mend}`;
}
