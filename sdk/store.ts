/** What a user interface draws: immutable values that keep their identity until they change, and who is told then. */
import type { Choice } from './chosen-status.ts';
import type { Closing } from './close-codes.ts';
import { Emitter } from './emitter.ts';
import type { LinkState } from './link.ts';
import type { Presence } from './presence.ts';

export interface ConnectionStatus {
  readonly state: LinkState;
  /** True while changes may be missing: what is seen is how it was. */
  readonly isStale: boolean;
  /** Why it is `closed`. */
  readonly closing: Closing | undefined;
  /** The user and session; undefined before the first welcome. */
  readonly userId: string | undefined;
  readonly sessionId: string | undefined;
  /** What the user chose; undefined: the status follows activity. */
  readonly chosen: Choice | undefined;
}

export interface PresenceSnapshot {
  readonly connection: ConnectionStatus;
  /** Everyone the user sees, by user id. */
  readonly presences: ReadonlyMap<string, Presence>;
}

export interface StoreOptions {
  /** As it is now; read again after `connectionChanged`. */
  readonly connection: () => ConnectionStatus;
  /** As they are now; read again after `presencesChanged`. */
  readonly presences: () => ReadonlyMap<string, Presence>;
}

export class Store {
  readonly #options: StoreOptions;
  readonly #anything = new Emitter<{ change: undefined }>();
  readonly #users = new Emitter<Record<string, undefined>>();
  #snapshot: PresenceSnapshot | undefined;
  #connection: ConnectionStatus;
  /** A copy, made when somebody asks for it: most updates come when nobody draws. */
  #presences: ReadonlyMap<string, Presence> | undefined;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#connection = options.connection();
  }

  get connection(): ConnectionStatus {
    return this.#connection;
  }

  get snapshot(): PresenceSnapshot {
    this.#presences ??= new Map(this.#options.presences());
    this.#snapshot ??= { connection: this.#connection, presences: this.#presences };
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    return this.#anything.on('change', listener);
  }

  subscribeUser(userId: string, listener: () => void): () => void {
    return this.#users.on(userId, listener);
  }

  presencesChanged(userIds: readonly string[]): void {
    if (userIds.length === 0) return;
    this.#presences = undefined;
    this.#snapshot = undefined;
    for (const userId of userIds) this.#users.emit(userId, undefined);
    this.#anything.emit('change', undefined);
  }

  /** False when it is as it was. */
  connectionChanged(): boolean {
    const status = this.#options.connection();
    if (isSame(status, this.#connection)) return false;
    this.#connection = status;
    this.#snapshot = undefined;
    this.#anything.emit('change', undefined);
    return true;
  }
}

function isSame(a: ConnectionStatus, b: ConnectionStatus): boolean {
  const keys = Object.keys(a) as (keyof ConnectionStatus)[];
  return keys.every((key) => a[key] === b[key]);
}
