import { setTimeout as wait } from 'node:timers/promises';

/** Waits until `look` gives something, asking again and again; fails with what it was waiting for. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  mostMs = 20_000,
): Promise<T> {
  const giveUpAt = Date.now() + mostMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > giveUpAt) throw new Error(`waited ${mostMs} ms in vain: ${what}`);
    await wait(10);
  }
}
