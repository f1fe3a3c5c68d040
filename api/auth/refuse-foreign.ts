import type { FastifyRequest } from 'fastify';
import { HoldfastError } from '../../shared/errors.js';
import { isLoopback } from './reach.js';

/**
 * While nobody is asked for a key, whoever reaches this machine's loopback may do anything; a web page that its user looks at must
 * not. It would come from another site, or, with a name that was made to point here, ask for a host that is not this machine.
 *
 * @throws HoldfastError `forbidden`
 */
export function refuseForeign({ headers }: FastifyRequest): void {
  const { host, origin } = headers;
  const isForeignSite =
    headers['sec-fetch-site'] === 'cross-site' || (origin !== undefined && !isLocal(origin));
  const isForeignHost = host !== undefined && !isLocal(`http://${host}`);
  if (isForeignSite || isForeignHost)
    throw new HoldfastError(
      'forbidden',
      `without an API key only this machine itself may call, not ${isForeignHost ? `as ${host}` : 'a page of another site'}: ` +
        'create a key with `holdfast keys create ops --role admin`',
    );
}

function isLocal(url: string): boolean {
  if (!URL.canParse(url)) return false;
  // An IPv6 address stands in brackets.
  return isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''));
}
