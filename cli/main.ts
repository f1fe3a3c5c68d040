#!/usr/bin/env node
import { CommanderError } from 'commander';
import { BAD_USAGE, exitCodeOf, printFailure } from './failure.js';
import { createProgram } from './program.js';

// `holdfast jobs list | head` reads no further than it wants to.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  // Commander has said already what is wrong with the command line.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : BAD_USAGE);
  printFailure(error);
  process.exit(exitCodeOf(error));
}
