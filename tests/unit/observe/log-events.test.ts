import { beforeEach, expect, test } from '@jest/globals';
import { ConnectionLost } from '../../../shared/errors.js';
import { createEventHub, type EventHub } from '../../../shared/observe/events.js';
import { logEvents } from '../../../shared/observe/log-events.js';
import type { LogFields, Logger } from '../../../shared/observe/logger.js';

let events: EventHub;
let lines: { level: string; message: string; fields: LogFields | undefined }[];
let nowMs: number;
let stop: () => void;
beforeEach(() => {
  events = createEventHub();
  lines = [];
  nowMs = 0;
  const at = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, fields });
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  stop = logEvents(events, logger, () => nowMs);
});

const levels = () => lines.map(({ level }) => level);
const outcome = { attempt: 1, jobType: 'a', queue: 'q', durationMs: 20 };
const away = new Error('connect ECONNREFUSED');

test('says nothing of jobs that simply complete', () => {
  events.emit('submitted', [{ jobType: 'a', queue: 'q' }]);
  events.emit('claimed', [{ id: 1, attempt: 1, jobType: 'a', queue: 'q', waitMs: 1 }]);
  events.emit('settled', [{ ...outcome, id: 1, kind: 'completed' }]);
  expect(lines).toEqual([]);
});

test('a line for alike failures of a batch: retries at info, dead letters at warn', () => {
  const failed = { ...outcome, kind: 'dead_letter', errorClass: 'permanent', errorMessage: 'no' } as const;
  events.emit('settled', [
    ...Array.from({ length: 300 }, (_, id) => ({ ...outcome, id, kind: 'retried' as const })),
    { ...failed, id: 1_000 },
    { ...failed, id: 1_001, jobType: 'b' },
  ]);
  expect(levels()).toEqual(['info', 'warn', 'warn']);
  expect(lines[0]?.fields).toMatchObject({ jobType: 'a', count: 300, jobIds: [0, 1, 2, 3, 4] });
  expect(lines[2]?.fields).toMatchObject({ jobType: 'b', error: 'no', jobIds: [1_001] });
});

test('Redis away and back: one line for each transition, however many workers notice it', () => {
  events.emit('redisBack');
  events.emit('redisAway', { error: away });
  events.emit('redisAway', { error: away });
  events.emit('redisBack');
  events.emit('redisBack');
  expect(levels()).toEqual(['warn', 'info']);
  expect(lines[0]?.fields).toEqual({ error: 'connect ECONNREFUSED' });
});

test('Redis away: what a worker and its connection notice is one outage, and each reason of it is told once', () => {
  events.emit('redisAway', { error: new ConnectionLost() });
  expect(lines).toEqual([]);
  events.emit('redisLost', { error: away });
  for (const reason of ['WRONGPASS', 'connect ECONNREFUSED', 'WRONGPASS'])
    events.emit('redisLost', { error: new Error(reason) });
  events.emit('redisFound');
  events.emit('redisBack');
  expect(lines.map(({ level, fields }) => [level, fields?.error])).toEqual([
    ['warn', 'connect ECONNREFUSED'],
    ['warn', 'WRONGPASS'],
    ['info', undefined],
  ]);
  for (let n = 0; n < 100; n++) events.emit('redisLost', { error: new Error(`reason ${n}`) });
  expect(lines.length).toBeLessThan(10);
});

test('a connection that is made anew at once is not worth a line', () => {
  events.emit('redisAway', { error: new ConnectionLost() });
  events.emit('redisBack');
  expect(lines).toEqual([]);
});

test('what repeats while something is away is told once in ten seconds, with how much it was', () => {
  for (nowMs = 0; nowMs < 25_000; nowMs += 1_000) {
    events.emit('dispatchFailed', { queue: 'q', count: 2, error: away });
    events.emit('settleDelayed', { waiting: 5, error: away });
  }
  expect(levels()).toEqual(Array(6).fill('warn'));
  const pushes = lines.filter(({ message }) => message.includes('pushed'));
  expect(pushes.map(({ fields }) => fields?.count)).toEqual([2, 20, 20]);
});

test('workers, rescues, lost ownership, leadership and sweeps are told', () => {
  events.emit('workerDied', { workerId: 'w' });
  events.emit('rescued', { workerId: 'w', jobIds: [1, 2] });
  events.emit('ownershipLost', { workerId: 'w', jobIds: [1] });
  events.emit('leading', { term: 2 });
  events.emit('swept', { queue: 'q', missing: 3, rebuilt: false });
  events.emit('leadershipLost', { reason: 'stopping' });
  events.emit('garbageDropped', { queue: 'q', count: 1 });
  expect(levels()).toEqual(['warn', 'warn', 'warn', 'info', 'info', 'info', 'warn']);
});

test('replays and discards of dead letters are told with who asked and the first ids', () => {
  events.emit('deadLetterReplayed', { ids: [1, 2, 3, 4, 5, 6], by: 'ann' });
  events.emit('deadLetterDiscarded', { ids: [7], by: null });
  expect(lines).toEqual([
    {
      level: 'info',
      message: 'dead letters were replayed',
      fields: { by: 'ann', count: 6, deadLetterIds: [1, 2, 3, 4, 5] },
    },
    {
      level: 'info',
      message: 'dead letters were discarded',
      fields: { by: null, count: 1, deadLetterIds: [7] },
    },
  ]);
});

test('nothing is told after it was stopped', () => {
  stop();
  events.emit('workerDied', { workerId: 'w' });
  expect(lines).toEqual([]);
  expect(events.eventNames()).toEqual([]);
});

test('who may call the API changes with a line each', () => {
  events.emit('keyCreated', { id: 1, name: 'ops', role: 'admin' });
  events.emit('keyRevoked', { id: 1, name: 'ops' });
  expect(levels()).toEqual(['info', 'info']);
  expect(lines[0]?.fields).toEqual({ id: 1, name: 'ops', role: 'admin' });
});

test('fire times missed in an outage are a line now and then, a schedule that cannot fire is one each', () => {
  const missed = { schedule: 's', missed: 6, from: new Date(0), until: new Date(1) };
  for (let n = 0; n < 1_000; n++) events.emit('scheduleMisfired', missed);
  nowMs = 10_000;
  events.emit('scheduleMisfired', missed);
  expect(lines.map(({ fields }) => fields?.count)).toEqual([6, 6_000]);
  events.emit('scheduleFailed', { schedule: 'a', error: 'nonsense' });
  events.emit('scheduleFailed', { schedule: 'b', error: 'nonsense' });
  expect(lines.slice(2)).toMatchObject([
    { level: 'warn', fields: { schedule: 'a', error: 'nonsense' } },
    { level: 'warn', fields: { schedule: 'b' } },
  ]);
});
