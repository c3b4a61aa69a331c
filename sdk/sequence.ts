/** The running number of a connection: finds out that a frame is missing. */

export interface Gap {
  readonly expected: number;
  readonly got: number;
}

export class Sequence {
  #last = 0;

  /** An ack repeats the number of the frame before it; any other frame has the next one. */
  next(n: number, isAck: boolean): Gap | undefined {
    const expected = isAck ? this.#last : this.#last + 1;
    this.#last = n;
    return n === expected ? undefined : { expected, got: n };
  }
}
