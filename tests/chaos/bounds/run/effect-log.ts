import { eventually } from '../../../support/eventually.js';
import { followLedger, type Effect } from '../../world/ledger.js';
import type { World } from '../../world/world.js';

/** The ledger, as it grows: one line for each handler that began. */
export class EffectLog {
  readonly all: Effect[] = [];
  private readonly readOn: () => Promise<Effect[]>;

  constructor({ ledgerPath }: World) {
    this.readOn = followLedger(ledgerPath);
  }

  /** Waits until `find` finds something in it. @throws Error after `mostMs`, with what was waited for */
  until<T>(
    what: string,
    find: (effects: readonly Effect[]) => T | undefined | false,
    mostMs?: number,
  ): Promise<T> {
    return eventually(what, async () => find(await this.read()), mostMs);
  }

  untilCount(count: number, mostMs?: number): Promise<true> {
    return this.until<true>(`${count} handlers began`, ({ length }) => length >= count, mostMs);
  }

  async read(): Promise<readonly Effect[]> {
    for (const effect of await this.readOn()) this.all.push(effect);
    return this.all;
  }
}
