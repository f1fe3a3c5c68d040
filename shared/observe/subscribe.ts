import type { EventHub, HoldfastEvents } from './events.js';

export type Listeners = {
  readonly [Name in keyof HoldfastEvents]?: (...args: HoldfastEvents[Name]) => void;
};

/** Listens to several events at once. Returns what ends it. */
export function subscribe(events: EventHub, listeners: Listeners): () => void {
  const pairs = Object.entries(listeners) as [keyof HoldfastEvents, () => void][];
  for (const [name, listener] of pairs) events.on(name, listener);
  return () => {
    for (const [name, listener] of pairs) events.off(name, listener);
  };
}
