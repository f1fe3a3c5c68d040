import { readFileSync } from 'node:fs';
import { HoldfastError, messageOf, type ErrorCode } from '../shared/errors.js';
import { withoutControls, type RedisHandle, type ServerHandle } from './server-handle.js';
import { SourceUnavailable } from './choose-source.js';
import { askPostgres, askRedis, waitUntilReady } from './wait-until-ready.js';

/** A server that somebody else starts at the same time (Compose, CI) may need a moment. */
const READY_LIMIT_MS = 15_000;

export async function useGivenPostgres(): Promise<ServerHandle> {
  const url = givenPostgresUrl();
  if (url === null) throw new SourceUnavailable('neither DATABASE_URL nor POSTGRES_HOST is set');
  await expectAnswer('postgres_unavailable', 'PostgreSQL', url, 'DATABASE_URL or POSTGRES_*', () =>
    askPostgres(url),
  );
  return withoutControls('given', url, `PostgreSQL: given by the environment, ${withoutSecrets(url)}`);
}

export async function useGivenRedis(): Promise<RedisHandle> {
  const url = givenRedisUrl();
  if (url === null) throw new SourceUnavailable('neither REDIS_URL nor REDIS_HOST is set');
  await expectAnswer('redis_unavailable', 'Redis', url, 'REDIS_URL or REDIS_*', () => askRedis(url));
  return withoutControls('given', url, `Redis: given by the environment, ${withoutSecrets(url)}`);
}

export function givenPostgresUrl(): string | null {
  const whole = readVariable('DATABASE_URL');
  if (whole !== undefined) return whole;
  const host = readVariable('POSTGRES_HOST');
  if (host === undefined) return null;
  const user = readVariable('POSTGRES_USER') ?? 'postgres';
  const address = `${bracketed(host)}:${readVariable('POSTGRES_PORT') ?? '5432'}`;
  const database = readVariable('POSTGRES_DB') ?? user;
  const login = loginOf(user, readVariable('POSTGRES_PASSWORD'));
  return `postgres://${login}${address}/${encodeURIComponent(database)}`;
}

export function givenRedisUrl(): string | null {
  const whole = readVariable('REDIS_URL');
  if (whole !== undefined) return whole;
  const host = readVariable('REDIS_HOST');
  if (host === undefined) return null;
  const password = readVariable('REDIS_PASSWORD');
  const login = password === undefined ? '' : loginOf('', password);
  return `redis://${login}${bracketed(host)}:${readVariable('REDIS_PORT') ?? '6379'}/${readVariable('REDIS_DB') ?? '0'}`;
}

/** A variable, or the content of the file that `NAME_FILE` points at; empty counts as unset. */
function readVariable(name: string): string | undefined {
  const file = process.env[`${name}_FILE`] ?? '';
  const value = process.env[name] ?? (file === '' ? '' : readFileSync(file, 'utf8').trim());
  return value === '' ? undefined : value;
}

function loginOf(user: string, password: string | undefined): string {
  const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`;
  return `${encodeURIComponent(user)}${secret}@`;
}

const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);

function withoutSecrets(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return '(an address that is no URL)';
  }
}

async function expectAnswer(
  code: ErrorCode,
  title: string,
  url: string,
  variables: string,
  ask: () => Promise<unknown>,
): Promise<void> {
  try {
    await waitUntilReady(async () => void (await ask()), READY_LIMIT_MS);
  } catch (error) {
    // Whoever names a server means that server: falling back to another would hide a mistake.
    throw new HoldfastError(
      code,
      `${title} at ${withoutSecrets(url)}, given by ${variables}, does not answer: ${messageOf(error)}. ` +
        `Start it, correct the variable, or unset it to use a private server.`,
      { cause: error },
    );
  }
}
