/** A value that changes over time, and what it was during a span. */
export class Timeline<T> {
  readonly #entries: { readonly atMs: number; readonly value: T }[] = [];

  note(value: T, atMs: number): void {
    if (this.#entries.at(-1)?.value !== value) this.#entries.push({ atMs, value });
  }

  /** All that it was from then on, with what it was when that began. */
  since(fromMs: number): ReadonlySet<T> {
    const first = this.#entries.findLastIndex(({ atMs }) => atMs < fromMs);
    return new Set(this.#entries.slice(Math.max(0, first)).map(({ value }) => value));
  }
}
