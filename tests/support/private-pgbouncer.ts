import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { findProgram } from '../../servers/find-binaries.js';
import { superviseServer } from '../../servers/supervised-server.js';
import { startSupervisor } from '../../servers/supervisor-client.js';
import { findUnprivilegedUser } from '../../servers/unprivileged-user.js';
import { askPostgres } from '../../servers/wait-until-ready.js';

/** Debian puts it where only root's PATH leads. */
const DEBIANS = '/usr/sbin/pgbouncer';
const program = findProgram('pgbouncer') ?? (existsSync(DEBIANS) ? DEBIANS : null);

export const hasPgBouncer = program !== null;

/** A PgBouncer of our own in front of one database. */
export interface PrivatePgBouncer {
  /** Leads through it to the database. */
  readonly url: string;
  /** How many of its clients stand in line for a connection to PostgreSQL. */
  countWaiting(): Promise<number>;
  /** With SIGKILL; nobody is told goodbye. */
  kill(): Promise<void>;
  /** On the same port as before. */
  start(): Promise<void>;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

/** Connections to PostgreSQL at most, for all clients together. */
export const SERVER_CONNECTIONS = 4;

/** Starts PgBouncer in transaction mode; `settings` are lines of its `[pgbouncer]` section. */
export async function startPrivatePgBouncer(
  postgresUrl: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<PrivatePgBouncer> {
  const supervisor = await startSupervisor();
  const user = findUnprivilegedUser();
  const configuration = join(supervisor.directory, 'pgbouncer.ini');
  const urlOn = (port: number) =>
    Object.assign(new URL(postgresUrl), { hostname: '127.0.0.1', port: String(port) }).href;
  try {
    const server = await superviseServer(supervisor, {
      title: 'PgBouncer',
      unavailable: 'postgres_unavailable',
      gentleSignal: 'SIGINT',
      programOn: (port) => {
        writeFileSync(configuration, configurationOf(postgresUrl, port, settings));
        const log = join(supervisor.directory, 'pgbouncer.log');
        const command = program ?? 'pgbouncer';
        return { name: 'pgbouncer', command, args: [configuration], user, log, lastSignal: 'SIGKILL' };
      },
      probe: async (port) => void (await askPostgres(urlOn(port))),
    });
    return {
      url: urlOn(server.port),
      countWaiting: () => countWaiting(urlOn(server.port)),
      start: () => server.start(),
      kill: () => server.kill(),
      close: () => supervisor.end(),
    };
  } catch (error) {
    await supervisor.end();
    throw error;
  }
}

/** By its own console, which is a database of that name. */
async function countWaiting(url: string): Promise<number> {
  const client = new pg.Client(Object.assign(new URL(url), { pathname: '/pgbouncer' }).href);
  await client.connect();
  try {
    const { rows } = await client.query<{ cl_waiting: string }>('SHOW POOLS');
    return rows.reduce((sum, pool) => sum + Number(pool.cl_waiting), 0);
  } finally {
    await client.end();
  }
}

function configurationOf(postgresUrl: string, port: number, settings: Readonly<Record<string, string>>) {
  const { hostname, port: postgresPort, username, password } = new URL(postgresUrl);
  const login = [`user=${decodeURIComponent(username)}`];
  if (password !== '') login.push(`password=${decodeURIComponent(password)}`);
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: String(SERVER_CONNECTIONS),
    max_client_conn: '200',
    stats_users: decodeURIComponent(username),
    ...settings,
  };
  return [
    '[databases]',
    `* = host=${hostname} port=${postgresPort || '5432'} ${login.join(' ')}`,
    '[pgbouncer]',
    ...Object.entries(all).map(([name, value]) => `${name} = ${value}`),
    '',
  ].join('\n');
}
