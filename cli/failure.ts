import { inspect } from 'node:util';
import { messageOf } from '../shared/errors.js';
import { harmless } from './output/text.js';

/** What a command ends with; 0 is success. */
export const FAILED = 1;
export const BAD_USAGE = 2;
/** As a shell says that a signal ended it. */
export const INTERRUPTED = { SIGINT: 130, SIGTERM: 143 } as const;
export type FailedExitCode =
  typeof FAILED | typeof BAD_USAGE | (typeof INTERRUPTED)[keyof typeof INTERRUPTED];

/** Ends the command with a code of its own; any other error ends it with 1. */
export class CommandFailure extends Error {
  constructor(
    readonly exitCode: FailedExitCode,
    message: string,
    options: ErrorOptions = {},
  ) {
    super(message, options);
  }
}

/** What the person gave cannot be used. The message names the option, argument, or line of a file. */
export class BadInput extends CommandFailure {
  constructor(message: string, options: ErrorOptions = {}) {
    super(BAD_USAGE, message, options);
  }
}

export const exitCodeOf = (error: unknown): FailedExitCode =>
  error instanceof CommandFailure ? error.exitCode : FAILED;

/** Stacks are for LOG_LEVEL=debug. */
export const isDebugging = (): boolean => process.env.LOG_LEVEL?.toLowerCase() === 'debug';

/** Tells a person what went wrong. */
export function printFailure(error: unknown): void {
  console.error(`holdfast: ${harmless(messageOf(error))}`);
  if (isDebugging()) console.error(inspect(error, { depth: 5 }));
}
