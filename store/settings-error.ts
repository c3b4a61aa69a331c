export interface SettingsProblem {
  /** Of the server. */
  readonly address: string;
  readonly setting: string;
  readonly found: string;
  readonly wanted: string;
  /** What mends it: a command where there is one. */
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
