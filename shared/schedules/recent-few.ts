/** Makes a value once for each key, and keeps those that were asked for last: keys come from whoever may write schedules. */
export function recentFew<Value>(most: number, make: (key: string) => Value): (key: string) => Value {
  const kept = new Map<string, Value>();
  return (key) => {
    const value = kept.get(key) ?? make(key);
    // To the end: the first one is the one that nobody has asked for the longest.
    kept.delete(key);
    kept.set(key, value);
    if (kept.size > most) kept.delete(kept.keys().next().value as string);
    return value;
  };
}
