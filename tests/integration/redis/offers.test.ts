import { afterAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Lanes } from '../../../shared/redis/lanes.js';
import type { Offer, Offers } from '../../../shared/redis/offers.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, hasRedis } from '../../support/test-installation.js';

/** What workers that wait let submitters do, as Redis holds it. */
const db = await createTestInstallation();
const lanes = db.installation.lanes as Lanes;
const offers = lanes?.offers as Offers;
const ears = lanes?.openBlocking();
const describeWithRedis = hasRedis ? describe : describe.skip;
beforeEach(() => db.forgetKeys());
afterAll(async () => {
  ears?.disconnect();
  await db.close();
});

const offer = (workerId: string, batchNo: number, count = 3): Offer => ({
  workerId,
  line: 1,
  batchNo,
  count,
});
/** However busy the machine is: here it matters what there is, not how soon it is known. */
const take = (count: number) => offers.take('q', count, 10_000);
const listed = () => lanes.connection.lrange(lanes.keys('q').offers, 0, -1);
async function listen(workerId: string): Promise<void> {
  if (ears.status !== 'ready') await new Promise((resolve) => ears.once('ready', resolve));
  await ears.subscribe(offers.channel({ workerId, line: 1 }));
}

describeWithRedis('offers', () => {
  test('are taken once each, the oldest first', async () => {
    await listen('w-1');
    await offers.make('q', [offer('w-1', 1), offer('w-1', 2)]);
    await offers.make('q', [offer('w-1', 3)]);
    expect([await take(1), await take(3)]).toEqual([offer('w-1', 1), offer('w-1', 2)]);
    expect(await offers.areListed('q', [offer('w-1', 1), offer('w-1', 3)])).toEqual([false, true]);
    expect(await offers.withdraw('q', [offer('w-1', 2), offer('w-1', 3)])).toEqual([false, true]);
    expect(await take(1)).toBeUndefined();
  });

  test('are not asked for before a push has told of them, and not after one was sought in vain', async () => {
    await listen('w-1');
    expect(offers.mayHave('q')).toBe(false);
    await offers.make('q', [offer('w-1', 1)]);
    await lanes.push('q', [{ id: 1, priority: 50 }]);
    expect(offers.mayHave('q')).toBe(true);
    await take(1);
    expect(offers.mayHave('q')).toBe(false);
  });

  test('that come too late for who asked are there for the next', async () => {
    await listen('w-1');
    await offers.make('q', [offer('w-1', 1)]);
    const ask = jest.spyOn(lanes.connection, 'holdfastTakeOffer');
    ask.mockImplementationOnce(async (...values) => {
      const entry = await lanes.connection.holdfastTakeOffer(...values);
      await new Promise((resolve) => setTimeout(resolve, 60));
      return entry;
    });
    expect(await offers.take('q', 1)).toBeUndefined();
    await eventually('it is back', async () => (await listed()).length === 1);
    ask.mockRestore();
    expect(await take(1)).toEqual(offer('w-1', 1));
  });

  test('are kept for who has fewer jobs', async () => {
    await listen('w-1');
    await offers.make('q', [offer('w-1', 1, 2)]);
    expect(await take(3)).toBeUndefined();
    expect(await take(2)).toEqual(offer('w-1', 1, 2));
  });

  test('are left alone while something waits: it came first', async () => {
    await listen('w-1');
    await offers.make('q', [offer('w-1', 1)]);
    await lanes.push('q', [{ id: 7, priority: 50 }]);
    expect(await take(1)).toBeUndefined();
    await lanes.connection.del(lanes.keys('q').handoff);
    expect(await take(1)).toEqual(offer('w-1', 1));
  });

  test('of a worker that does not listen, or not any more over that connection, are dropped, and so is garbage', async () => {
    await listen('w-1');
    await offers.make('q', [{ ...offer('w-1', 7), line: 0 }]);
    await lanes.connection.lpush(lanes.keys('q').offers, 'garbage');
    await offers.make('q', [offer('w-gone', 1), offer('w-gone', 2), offer('w-1', 1)]);
    expect(await take(1)).toEqual(offer('w-1', 1));
    expect(await listed()).toEqual([]);
  });

  test('bring the next one with the answer to a message, which goes back when nobody wants it', async () => {
    await listen('w-1');
    await offers.make('q', [offer('w-1', 1), offer('w-1', 2), offer('w-1', 3)]);
    expect(await offers.send('q', offer('w-1', 9), Buffer.from('one'))).toBe(true);
    expect(await take(1)).toEqual(offer('w-1', 1));
    await offers.send('q', offer('w-1', 9), Buffer.from('two'));
    expect(await listed()).toEqual(['3:3:w-1:1']);
    // For more than it is good for: the next one is asked for.
    expect(await take(4)).toBeUndefined();
    await offers.send('q', offer('w-1', 9), Buffer.from('three'));
    await offers.close();
    expect((await listed()).toSorted()).toEqual(['2:3:w-1:1', '3:3:w-1:1']);
  });

  test('tell whether anybody heard', async () => {
    expect(await offers.send('q', offer('w-gone', 9), Buffer.from('x'))).toBe(false);
  });

  test('hold up nobody while Redis is stuck', async () => {
    await listen('w-1');
    await offers.make('q', [offer('w-1', 1)]);
    await lanes.push('q', [{ id: 1, priority: 50 }]);
    const asked = performance.now();
    const stuck = lanes.connection.call('DEBUG', 'SLEEP', '1').catch(() => undefined);
    expect(await take(1)).toBeUndefined();
    const waitedMs = performance.now() - asked;
    await stuck;
    expect(waitedMs).toBeLessThan(performance.now() - asked);
    expect(offers.mayHave('q')).toBe(false);
  });
});
