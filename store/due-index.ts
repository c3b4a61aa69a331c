/**
 * Users by when to look at them next: a binary heap whose entries are checked only when they reach the top, so that
 * moving a user costs one push. An entry that was replaced meanwhile is dropped there; none outlives its own time.
 */
interface Entry {
  readonly atMs: number;
  readonly userId: string;
}

export class DueIndex {
  readonly #heap: Entry[] = [];
  readonly #current = new Map<string, Entry>();
  /** Off the heap because their time has come; here until set anew or deleted. */
  readonly #due = new Map<string, Entry>();

  get size(): number {
    return this.#current.size;
  }

  set(userId: string, atMs: number): void {
    const entry = this.#current.get(userId);
    if (entry?.atMs === atMs) return;
    this.#due.delete(userId);
    const next = { userId, atMs };
    this.#current.set(userId, next);
    this.#push(next);
  }

  delete(userId: string): void {
    this.#current.delete(userId);
    this.#due.delete(userId);
  }

  /** Whose time comes first, or somebody whose time has come. */
  first(): Readonly<Entry> | undefined {
    for (const entry of this.#due.values()) return entry;
    while (this.#heap[0] && this.#current.get(this.#heap[0].userId) !== this.#heap[0]) this.#pop();
    return this.#heap[0];
  }

  /** Users whose time is before `nowMs`, about in its order; the same ones again until they are set or deleted. */
  due(nowMs: number, limit: number): string[] {
    for (let top = this.#heap[0]; top && top.atMs < nowMs; top = this.#heap[0]) {
      this.#pop();
      if (this.#current.get(top.userId) === top) this.#due.set(top.userId, top);
    }
    const users: string[] = [];
    for (const userId of this.#due.keys()) {
      if (users.length === limit) break;
      users.push(userId);
    }
    return users;
  }

  /** Sets everyone later than `beyondMs` to `atMs`. */
  bringForward(beyondMs: number, atMs: number): void {
    for (const entry of this.#current.values()) {
      if (entry.atMs > beyondMs) this.set(entry.userId, atMs);
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    for (let up = (at - 1) >> 1; at > 0; at = up, up = (at - 1) >> 1) {
      const parent = heap[up];
      if (!parent || parent.atMs <= entry.atMs) break;
      heap[at] = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (let down = this.#smallerChild(at); down; down = this.#smallerChild(at)) {
      if (down.entry.atMs >= last.atMs) break;
      heap[at] = down.entry;
      at = down.at;
    }
    heap[at] = last;
  }

  #smallerChild(parent: number): { at: number; entry: Entry } | undefined {
    const at = 2 * parent + 1;
    const [left, right] = [this.#heap[at], this.#heap[at + 1]];
    if (!left) return undefined;
    return right && right.atMs < left.atMs ? { at: at + 1, entry: right } : { at, entry: left };
  }
}
