import type { FastifyRequest } from 'fastify';
import { invalidField } from './errors.js';

/**
 * Node joins a header that comes several times, so that two values look like a third one.
 *
 * @throws HoldfastError `validation_failed`
 */
export function refuseRepeated({ raw }: FastifyRequest, header: string): void {
  const name = header.toLowerCase();
  // Names and values in turn.
  const times = raw.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
  if (times > 1) throw invalidField(header, 'was given more than once');
}
