/** One thing wrong with the configuration: which variable, and what it should be. Never holds a secret. */
export interface ConfigFault {
  readonly variable: string;
  readonly problem: string;
}

/** The configuration cannot be used; all that is wrong with it, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(
    readonly faults: readonly ConfigFault[],
    options: { cause?: unknown } = {},
  ) {
    super(describe(faults), options);
  }
}

function describe(faults: readonly ConfigFault[]): string {
  const lines = faults.map(({ variable, problem }) => `${variable} ${problem}`);
  return lines.length === 1
    ? `configuration: ${lines[0]}`
    : [`configuration: ${lines.length} faults`, ...lines.map((line) => `  - ${line}`)].join('\n');
}
