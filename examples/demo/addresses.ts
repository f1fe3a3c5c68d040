import type { ServerHandle, Servers } from '../../servers/start-servers.js';

/** Where to look further while the demo stays up. */
export function describeAddresses(apiUrl: string, servers: Servers): string[] {
  const { postgres, redis } = servers;
  const psql = `psql ${shellWord(addressOf(postgres, 'DATABASE_URL'))}`;
  const redisCli = redis && `redis-cli -u ${shellWord(addressOf(redis, 'REDIS_URL'))}`;
  return [
    '',
    'Have a look',
    `  API, to try out    ${apiUrl}/api-docs`,
    `  jobs               ${apiUrl}/api/jobs`,
    `  figures            ${apiUrl}/api/jobs/metrics`,
    `  for Prometheus     ${apiUrl}/metrics`,
    `  PostgreSQL         ${psql}`,
    ...(redisCli ? [`  Redis              ${redisCli} --scan`] : []),
  ];
}

/** A server of somebody's own may have a password in its address; where a variable has it, the variable will do. */
function addressOf(server: ServerHandle, variable: string): string {
  if (server.source !== 'given') return server.url;
  const url = new URL(server.url);
  // Holdfast takes `redis://:password@host`; redis-cli would send the empty name, and be refused.
  const isUserMissing = url.protocol.startsWith('redis') && url.password !== '' && url.username === '';
  if (process.env[variable] && !isUserMissing) return `$${variable}`;
  if (isUserMissing) url.username = 'default';
  if (url.password !== '') url.password = '***';
  return url.href;
}

const shellWord = (text: string) => (text.startsWith('$') ? `"${text}"` : `'${text}'`);
