/**
 * A gateway in the smallest: it knows how everyone is, and tells one client by the protocol's rules, over a connection
 * that loses, repeats and delays what it carries.
 */
import type { WirePresence } from '../../sdk/frames.ts';
import { wire, type FakeSocket } from './fake-socket.ts';

const STATUSES = ['STATUS_ONLINE', 'STATUS_AWAY', 'STATUS_BUSY', 'STATUS_OFFLINE'];
const PART = 2;

export class ModelGateway {
  /** How everyone the client may see is now. */
  readonly truth = new Map<string, WirePresence>();
  /** All that was ever told: any of it may come again. */
  readonly #told: WirePresence[] = [];
  #version = 1000;
  #socket: FakeSocket | undefined;
  #answered = 0;

  /** The newest connection is the one that counts; the one before it goes on for as long as it is open. */
  serve(socket: FakeSocket): void {
    this.#socket = socket;
    this.#answered = 0;
    socket.open();
    this.reopen();
  }

  /** The session is opened, or opened again. */
  reopen(): void {
    this.#socket?.welcomes();
    this.snapshot();
  }

  change(userId: string, status: number): void {
    if (this.truth.has(userId)) this.#tell(this.#set(userId, status));
  }

  befriend(userId: string): void {
    if (!this.truth.has(userId)) this.#tell(this.#set(userId, 0));
  }

  part(userId: string): void {
    if (this.truth.delete(userId)) this.#socket?.says({ removed: { userIds: [userId] } });
  }

  /** A change that happens while a frame is lost. */
  changeUnheard(userId: string, status: number): void {
    if (!this.truth.has(userId)) return;
    this.#set(userId, status);
    this.#socket?.loses();
  }

  partUnheard(userId: string): void {
    if (this.truth.delete(userId)) this.#socket?.loses();
  }

  /** Something of before comes again; only of those who are seen, since their removal would have come after it. */
  repeat(index: number): void {
    const old = this.#told[index % Math.max(1, this.#told.length)];
    if (old && this.truth.has(old.userId)) this.#socket?.updates(old);
  }

  /** In parts; `lost` is the number of the one that does not come. */
  snapshot(lost = -1): void {
    const all = [...this.truth.values()];
    for (let from = 0; from === 0 || from < all.length; from += PART) {
      const last = from + PART >= all.length;
      const presences = all.slice(from, from + PART);
      if (from / PART === lost) this.#socket?.loses();
      else this.#socket?.says({ snapshot: { presences, last } });
    }
  }

  /** Answers what the client asked for; true when it asked for something. */
  answer(): boolean {
    const socket = this.#socket;
    if (!socket || socket.readyState !== 1) return false;
    const asked = socket.sent.slice(this.#answered);
    this.#answered = socket.sent.length;
    for (const frame of asked) {
      if ('heartbeat' in frame) socket.says({ ack: {} });
      if ('resync' in frame) this.snapshot();
    }
    return asked.length > 0;
  }

  #set(userId: string, status: number): WirePresence {
    const presence = wire(userId, ++this.#version, { status: STATUSES[status % 4] ?? '' });
    this.truth.set(userId, presence);
    this.#told.push(presence);
    return presence;
  }

  #tell(presence: WirePresence): void {
    this.#socket?.updates(presence);
  }
}
