import { inspect } from 'node:util';
import { messageOf } from '../shared/errors.js';
import { exitCodeOf, isDebugging, printFailure } from './failure.js';
import { harmless } from './output/text.js';
import { isLogJson } from './settings.js';

/**
 * The action of a command that runs until it is stopped: why it could not start goes where its log goes, and in the form of it.
 * Whatever reads JSON, one object a line, would stumble over a text.
 */
export function startingAs<Options>(
  role: string,
  run: (options: Options) => Promise<void>,
): (options: Options) => Promise<void> {
  return async (options) => {
    try {
      await run(options);
    } catch (error) {
      await reportFailedStart(error, role);
      process.exit(exitCodeOf(error));
    }
  };
}

async function reportFailedStart(error: unknown, role: string): Promise<void> {
  // By the environment itself: the configuration may be what is wrong.
  if (!isLogJson(process.env.LOG_FORMAT?.trim().toLowerCase())) return printFailure(error);
  const { createLogger } = await import('../shared/observe/logger.js');
  const { code } = (error ?? {}) as { readonly code?: unknown };
  createLogger({ level: 'error', isJson: true, fields: { role } }).error('this process cannot start', {
    error: harmless(messageOf(error)),
    ...(typeof code === 'string' ? { code } : {}),
    ...(isDebugging() ? { detail: inspect(error, { depth: 5 }) } : {}),
  });
}
