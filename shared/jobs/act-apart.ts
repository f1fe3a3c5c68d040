import { isPostgresError } from '../postgres/postgres-error.js';

/**
 * Acts on all items together. Where PostgreSQL refuses, because of a trigger, a constraint or a transaction of somebody's own, they are
 * halved until the one is alone which it is about: that one is left out, and told of.
 *
 * @throws what `act` throws, when that is something else
 */
export async function actApart<Item, Result>(
  items: readonly Item[],
  act: (items: readonly Item[]) => Promise<readonly Result[]>,
  onRefused: (item: Item, error: unknown) => void,
): Promise<Result[]> {
  if (items.length === 0) return [];
  try {
    return [...(await act(items))];
  } catch (error) {
    if (!isPostgresError(error) || error.kind === 'unavailable') throw error;
    if (items.length === 1) {
      onRefused(items[0] as Item, error);
      return [];
    }
    const middle = items.length >> 1;
    const first = await actApart(items.slice(0, middle), act, onRefused);
    return [...first, ...(await actApart(items.slice(middle), act, onRefused))];
  }
}
