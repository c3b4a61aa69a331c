/** What is known of each shard's floor. A raised one means that data may have been lost. */
export class Floors {
  readonly #floors = new Map<number, bigint>();

  /** True when the floor of a known shard has risen. */
  note(shard: number, floor: bigint): boolean {
    const known = this.#floors.get(shard);
    if (known !== undefined && known >= floor) return false;
    this.#floors.set(shard, floor);
    return known !== undefined;
  }
}
