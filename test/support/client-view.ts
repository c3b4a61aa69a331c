/** What a client believes of others, by the rules of docs/protocol.md, from the frames it gets. */

export interface WirePresence {
  readonly userId: string;
  readonly status: string;
  readonly lastActive?: string;
  readonly version?: string;
  readonly mode?: string;
}

/** One server frame in JSON: `n` and one member. */
export interface WireFrame {
  readonly n?: string;
  readonly welcome?: { sessionId: string; userId: string; chosen?: string };
  readonly snapshot?: { presences?: WirePresence[]; last?: boolean };
  readonly update?: { presences: WirePresence[] };
  readonly removed?: { userIds: string[] };
  readonly ack?: object;
  readonly error?: { code: string; message: string };
  readonly goingAway?: { reconnectAfter: string };
}

export interface ClientView {
  readonly view: ReadonlyMap<string, WirePresence>;
  /** Gaps in the running number. */
  readonly gaps: number;
  apply(frame: WireFrame): void;
}

export function createClientView(): ClientView {
  const view = new Map<string, WirePresence>();
  let snapshot: Map<string, WirePresence> | undefined;
  let sinceWelcome = new Map<string, WirePresence>();
  let last = 0;
  let gaps = 0;

  const apply = (presence: WirePresence): void => {
    const known = view.get(presence.userId);
    if (known && BigInt(known.version ?? 0) >= BigInt(presence.version ?? 0)) return;
    view.set(presence.userId, presence);
    sinceWelcome.set(presence.userId, presence);
  };
  const applySnapshot = (part: NonNullable<WireFrame['snapshot']>): void => {
    snapshot ??= new Map();
    for (const presence of part.presences ?? []) snapshot.set(presence.userId, presence);
    if (!part.last) return;
    view.clear();
    for (const [id, presence] of snapshot) view.set(id, presence);
    for (const presence of sinceWelcome.values())
      if (snapshot.has(presence.userId)) apply(presence);
    snapshot = undefined;
  };
  return {
    view,
    get gaps() {
      return gaps;
    },
    apply(frame) {
      const n = Number(frame.n ?? 0);
      if (n !== (frame.ack ? last : last + 1)) gaps++;
      last = n;
      if (frame.welcome) sinceWelcome = new Map();
      if (frame.snapshot) applySnapshot(frame.snapshot);
      frame.update?.presences.forEach(apply);
      frame.removed?.userIds.forEach((id) => view.delete(id));
    },
  };
}
