import { printJson } from '../output/print.js';
import type { ApiClient } from './api-client.js';
import type { ClientOptions } from './client-options.js';

/**
 * Runs a command that asks the API. With `--json` a refusal of the API is a document on standard output, too.
 *
 * @throws whatever ends the command: ApiError, CommandFailure, ConfigError, HoldfastError
 */
export async function withClient(
  options: ClientOptions,
  run: (client: ApiClient) => Promise<void>,
): Promise<void> {
  const { openClient } = await import('./open-client.js');
  const { ApiError } = await import('./api-error.js');
  const client = await openClient(options);
  try {
    await run(client);
  } catch (error) {
    if (options.json && error instanceof ApiError) printJson(error.body);
    throw error;
  } finally {
    await client.close();
  }
}
