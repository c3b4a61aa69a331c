/**
 * What it takes to run a real server on this machine. One description serves `npm run stack` (usual ports, data kept)
 * and the tests (free ports, temporary directories).
 */

/** One process of a server. */
export interface ProcessSpec {
  /** Names its log and pid files: `redis`, `dgraph-zero`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment it inherits. */
  readonly env?: Readonly<Record<string, string>>;
  /** Resolves when the process serves; rejects with the reason why it does not yet. One quick try. */
  readonly probe: () => Promise<unknown>;
}

export interface ServerSpec {
  readonly name: string;
  /** Where its clients find it, as people write it. */
  readonly address: string;
  /** Every port it listens on. */
  readonly ports: readonly number[];
  /** The settings that make a part of the mesh use it. */
  readonly env: Readonly<Record<string, string>>;
  /** Its data, configuration and logs. */
  readonly dir: string;
  /** Writes configuration and formats storage in `dir`; harmless when that has been done before. */
  readonly prepare: () => Promise<void>;
  /** Started in this order, each once the one before it serves. */
  readonly processes: readonly ProcessSpec[];
}
