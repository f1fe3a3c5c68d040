import { lookup, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { PermanentError } from '../../shared/jobs/job-errors.js';

/** IANA's special-purpose ranges: none of them is the public internet. */
const PRIVATE_IPV4: readonly [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

/** 2001::/32 and 2002::/16 are tunnels that can carry any IPv4 address, so they are refused as a whole. */
const PRIVATE_IPV6: readonly [string, number][] = [
  ['::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 32],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

const privateAddresses = new BlockList();
for (const [net, prefix] of PRIVATE_IPV4) {
  privateAddresses.addSubnet(net, prefix, 'ipv4');
  // NAT64 is how IPv6-only networks reach public IPv4, so only its private part is refused.
  privateAddresses.addSubnet(`64:ff9b::${net}`, 96 + prefix, 'ipv6');
}
for (const [net, prefix] of PRIVATE_IPV6) privateAddresses.addSubnet(net, prefix, 'ipv6');

/** Whether an IP address is private, loopback, link-local or otherwise not on the public internet. */
export function isPrivateAddress(address: string): boolean {
  const withoutZone = address.replace(/%.*$/, '');
  return privateAddresses.check(withoutZone, isIP(withoutZone) === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Connects to public addresses only. The address that is checked is the one that is connected to: a name that
 * resolves to something else a moment later (DNS rebinding) gains nothing.
 */
export function publicConnector(
  connectTimeoutMs: number,
  resolve: typeof lookup = lookup,
): buildConnector.connector {
  const connect = buildConnector({ timeout: connectTimeoutMs, lookup: publicLookup(resolve) });
  return (options, callback) => {
    // A literal address never reaches the lookup.
    if (isIP(options.hostname) !== 0 && isPrivateAddress(options.hostname)) {
      callback(refusal(options.hostname), null);
    } else {
      connect(options, callback);
    }
  };
}

/** A DNS lookup that leaves out private addresses and fails when nothing else is there. */
export function publicLookup(resolve: typeof lookup = lookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return callback(error, '');
      const allowed = addresses.filter(({ address }) => !isPrivateAddress(address));
      const first = allowed[0];
      if (first === undefined) return callback(refusal(hostname), '');
      if (options.all === true) return callback(null, allowed);
      callback(null, first.address, first.family);
    });
  };
}

function refusal(host: string): PermanentError {
  return new PermanentError(
    `${host} is an address on a private network, and jobs may call public addresses only. ` +
      'If this host is meant to be called, set HTTP_ALLOW_PRIVATE=true on the workers.',
  );
}
