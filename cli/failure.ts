import { inspect } from 'node:util';
import { messageOf } from '../shared/errors.js';

/** Tells a person what went wrong. Stacks are for LOG_LEVEL=debug. */
export function printFailure(error: unknown): void {
  console.error(`holdfast: ${messageOf(error)}`);
  if (process.env.LOG_LEVEL?.toLowerCase() === 'debug') console.error(inspect(error, { depth: 5 }));
}
