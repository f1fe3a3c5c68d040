import { findProgram } from './find-binaries.js';

const INSTALL_COMMANDS: readonly [manager: string, postgres: string, redis: string][] = [
  ['apt-get', 'sudo apt-get install -y postgresql', 'sudo apt-get install -y redis-server'],
  ['dnf', 'sudo dnf install -y postgresql-server', 'sudo dnf install -y valkey'],
  ['apk', 'sudo apk add postgresql', 'sudo apk add redis'],
  ['pacman', 'sudo pacman -S postgresql', 'sudo pacman -S valkey'],
  ['zypper', 'sudo zypper install postgresql-server', 'sudo zypper install redis'],
  ['brew', 'brew install postgresql', 'brew install redis'],
];

/** The commands of this machine's package manager; where there is none we know, Docker's. */
export function installCommands(): { postgres: string; redis: string } {
  const known = INSTALL_COMMANDS.find(([manager]) => findProgram(manager) !== null);
  if (known !== undefined) return { postgres: known[1], redis: known[2] };
  return {
    postgres: 'docker run -d -p 5432:5432 -e POSTGRES_PASSWORD=secret postgres:17-alpine',
    redis: 'docker run -d -p 6379:6379 redis:7-alpine',
  };
}
