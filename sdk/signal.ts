/** Things that happen outside: calls `notify` whenever one does; returns a function that ends it. */
export type Signal = (notify: () => void) => () => void;
