import { isQueueName } from '../shared/jobs/job-limits.js';
import { SLOTS } from '../shared/workers/worker-limits.js';
import { readWholeNumber, splitList } from './value-kinds.js';
import { BadValue } from './variable.js';

/** For each queue its own slots, or undefined: it shares the worker's concurrency. */
export type QueueSlots = Readonly<Record<string, number | undefined>>;

/** `default` · `a,b` · `default:10,mail:2` · `default,mail:2` */
export function readQueueList(text: string): QueueSlots {
  const queues: Record<string, number | undefined> = {};
  for (const item of splitList(text)) {
    const [name = '', slots, ...rest] = item.split(':');
    if (!isQueueName(name) || rest.length > 0)
      throw new BadValue(
        'must be queues like a,b or a:10,b:2; a name has up to 63 of a-z 0-9 _ . - and starts with a letter or digit',
      );
    if (Object.hasOwn(queues, name))
      throw new BadValue(`must name each queue once; "${name}" is there twice`);
    queues[name] = slots === undefined ? undefined : readSlots(name, slots);
  }
  return queues;
}

function readSlots(queue: string, slots: string): number {
  try {
    return readWholeNumber(slots, SLOTS);
  } catch {
    throw new BadValue(`must give "${queue}" from ${SLOTS.from} to ${SLOTS.to} slots, as in ${queue}:2`);
  }
}
