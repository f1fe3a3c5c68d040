import { Agent } from 'undici';
import { publicConnector } from './address-guard.js';

/** Which hosts jobs may call. Shared by every handler that goes out over HTTP. */
export interface NetworkPolicy {
  /** Lets jobs call private, loopback and link-local addresses. Default false. */
  readonly allowPrivateNetworks?: boolean | undefined;
  /** When given, no other host is called: `example.com`, or `*.example.com` for its subdomains. Default: any. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** How long connecting may take, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
}

/** In a module of its own, so that undici is loaded by the first job that goes out over HTTP. */
export function openAgent({ allowPrivateNetworks, connectTimeoutMs = 10_000 }: NetworkPolicy): Agent {
  const isFree = allowPrivateNetworks === true;
  return new Agent({ connect: isFree ? { timeout: connectTimeoutMs } : publicConnector(connectTimeoutMs) });
}
