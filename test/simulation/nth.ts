/** The nth, round and round; undefined of none. */
export function nth<T>(values: readonly T[], index: number): T | undefined {
  return values[index % values.length];
}
