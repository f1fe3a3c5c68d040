import type { Config } from '../../config/load-config.js';
import { readSettings } from '../settings.js';
import { ApiClient } from './api-client.js';
import type { ClientOptions } from './client-options.js';
import type { Transport } from './transport.js';

/** Any of these says that there is a database to ask. */
const DATABASE_VARIABLES = [
  'DATABASE_URL',
  'POSTGRES_HOST',
  'POSTGRES_PORT',
  'POSTGRES_DB',
  'POSTGRES_USER',
  'POSTGRES_PASSWORD',
];

/**
 * The API that was named; else the database that was named, asked through an API in this process; else the API of this
 * machine.
 *
 * @throws ConfigError, HoldfastError
 */
export async function openClient({ api, apiKey, direct }: ClientOptions): Promise<ApiClient> {
  const config = readSettings({ HOLDFAST_API_URL: api, HOLDFAST_API_KEY: apiKey });
  return new ApiClient(await openTransport(config, direct ?? false));
}

async function openTransport(config: Config, isDirect: boolean): Promise<Transport> {
  const { apiUrl, apiKey } = config.client;
  if (isDirect || (apiUrl === undefined && isDatabaseNamed())) {
    const { openInProcessTransport } = await import('./in-process-transport.js');
    return openInProcessTransport(config);
  }
  const { openHttpTransport } = await import('./http-transport.js');
  return openHttpTransport(apiUrl ?? `http://127.0.0.1:${config.api.port || 3000}`, apiKey);
}

/** To be asked after the settings are read: then the environment has what `.env` says. */
const isDatabaseNamed = (): boolean =>
  DATABASE_VARIABLES.some((name) => [name, `${name}_FILE`].some((one) => process.env[one]?.trim()));
