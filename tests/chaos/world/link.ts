import type { Servers } from '../../../servers/start-servers.js';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.js';

/** How one process reaches the servers: through proxies of its own, which can fail for it alone. */
export interface Link {
  readonly postgres: TcpProxy;
  readonly redis: TcpProxy;
  readonly postgresUrl: string;
  readonly redisUrl: string;
  close(): Promise<void>;
}

export async function openLink(servers: Servers): Promise<Link> {
  const postgres = await startProxyTo(servers.postgresUrl);
  const redis = await startProxyTo(servers.redisUrl as string);
  return {
    postgres,
    redis,
    postgresUrl: throughPort(servers.postgresUrl, postgres.port),
    redisUrl: throughPort(servers.redisUrl as string, redis.port),
    async close() {
      await Promise.all([postgres.close(), redis.close()]);
    },
  };
}

function startProxyTo(address: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(address);
  return startTcpProxy({ targetHost: hostname, targetPort: Number(port) });
}

function throughPort(address: string, port: number): string {
  const url = new URL(address);
  url.port = String(port);
  return url.href;
}
