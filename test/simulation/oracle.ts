/**
 * What every viewer may see, from nothing but what users did and when: the promises of the design as a model. It knows
 * no gateway, no store and no message, and time is what it is told.
 */

export type Visible = 'ONLINE' | 'AWAY' | 'BUSY' | 'OFFLINE';
export type Choice = 'ONLINE' | 'AWAY' | 'BUSY' | 'INVISIBLE';
export type Edge = 'befriend' | 'unfriend' | 'follow' | 'unfollow' | 'block' | 'unblock';
/** How a session ended: left behind by a gateway, it runs to its deadline. */
export type Ending = 'closed' | 'loggedOut' | 'leftBehind';

export interface Rules {
  /** How long a session lives after its last heartbeat, ms. */
  readonly leaseMs: number;
  /** How long it lives after its socket closed, ms. */
  readonly graceMs: number;
  /** With more followers than this, a user is in pull mode. */
  readonly maxFollowers: number;
}

interface Session {
  readonly userId: string;
  readonly gatewayId: string;
  beatMs: number;
  isIdle: boolean;
  /** No later than this, once its socket has closed. */
  endsMs: number;
  /** When its socket closed. */
  closedMs: number;
}

export class Oracle {
  readonly users: readonly string[];
  readonly #rules: Rules;
  readonly #sessions = new Map<number, Session>();
  readonly #choices = new Map<string, Choice>();
  readonly #friends = new Set<string>();
  readonly #follows = new Set<string>();
  readonly #blocks = new Set<string>();
  readonly #pulled = new Set<string>();

  constructor(users: readonly string[], rules: Rules) {
    this.users = users;
    this.#rules = rules;
  }

  opened(device: number, userId: string, gatewayId: string, nowMs: number): void {
    const session = { userId, gatewayId, beatMs: nowMs, isIdle: false };
    this.#sessions.set(device, { ...session, endsMs: Infinity, closedMs: Infinity });
  }

  /** It was not let in. */
  refused(device: number): void {
    this.#sessions.delete(device);
  }

  beat(device: number, isIdle: boolean, nowMs: number): void {
    const session = this.#sessions.get(device);
    if (session) Object.assign(session, { beatMs: nowMs, isIdle });
  }

  ended(device: number, how: Ending, nowMs: number): void {
    const session = this.#sessions.get(device);
    if (!session || session.closedMs < nowMs) return;
    session.closedMs = nowMs;
    if (how === 'closed') session.endsMs = nowMs + this.#rules.graceMs;
    if (how === 'loggedOut') session.endsMs = -Infinity;
  }

  chose(userId: string, choice: Choice | undefined): void {
    if (choice) this.#choices.set(userId, choice);
    else this.#choices.delete(userId);
  }

  changed(edge: Edge, from: string, to: string): void {
    if (edge === 'befriend') this.#friends.add(pair(from, to));
    if (edge === 'unfriend') this.#friends.delete(pair(from, to));
    if (edge === 'follow') this.#follows.add(arrow(from, to));
    if (edge === 'unfollow') this.#follows.delete(arrow(from, to));
    if (edge === 'block') this.#blocks.add(arrow(from, to));
    if (edge === 'unblock') this.#blocks.delete(arrow(from, to));
    if (edge === 'follow' || edge === 'unfollow') this.#reconsiderPull(edge, to);
  }

  /** One person: OFFLINE without a live session or when invisible, else what they chose, else what a device says. */
  statusOf(userId: string, atMs: number): Visible {
    const live = [...this.#sessions.values()].filter(
      (session) => session.userId === userId && this.#deadline(session) >= atMs,
    );
    const choice = this.#choices.get(userId);
    if (live.length === 0 || choice === 'INVISIBLE') return 'OFFLINE';
    return choice ?? (live.every(({ isIdle }) => isIdle) ? 'AWAY' : 'ONLINE');
  }

  /** A friend, or somebody followed; not a stranger. */
  knows(viewer: string, subject: string): boolean {
    return this.#friends.has(pair(viewer, subject)) || this.#follows.has(arrow(viewer, subject));
  }

  /** Followers of a celebrity are not told of changes: they look. */
  isPushed(viewer: string, subject: string): boolean {
    return this.#friends.has(pair(viewer, subject)) || !this.#pulled.has(subject);
  }

  /** undefined: nothing at all of them. */
  shows(viewer: string, subject: string, atMs: number): Visible | undefined {
    if (viewer === subject || !this.knows(viewer, subject)) return undefined;
    const hides = (a: string, b: string): boolean => this.#blocks.has(arrow(a, b));
    if (hides(viewer, subject) || hides(subject, viewer)) return 'OFFLINE';
    return this.statusOf(subject, atMs);
  }

  isAlive(device: number, atMs: number): boolean {
    const session = this.#sessions.get(device);
    return session !== undefined && this.#deadline(session) >= atMs;
  }

  /** Whether messages for the user may have gone to that gateway at some time since then. */
  wasAt(gatewayId: string, userId: string, sinceMs: number): boolean {
    return [...this.#sessions.values()].some(
      (session) =>
        session.userId === userId &&
        session.gatewayId === gatewayId &&
        Math.min(session.beatMs + this.#rules.leaseMs, session.closedMs) >= sinceMs,
    );
  }

  #deadline({ beatMs, endsMs }: Session): number {
    return Math.min(beatMs + this.#rules.leaseMs, endsMs);
  }

  /** Back to push at nine tenths of the limit. */
  #reconsiderPull(edge: 'follow' | 'unfollow', subject: string): void {
    const { maxFollowers } = this.#rules;
    const followers = [...this.#follows].filter((one) => one.endsWith(`>${subject}`)).length;
    if (edge === 'follow' && followers > maxFollowers) this.#pulled.add(subject);
    if (edge === 'unfollow' && followers <= Math.floor(maxFollowers * 0.9)) {
      this.#pulled.delete(subject);
    }
  }
}

const pair = (a: string, b: string): string => [a, b].sort().join('=');
const arrow = (from: string, to: string): string => `${from}>${to}`;
