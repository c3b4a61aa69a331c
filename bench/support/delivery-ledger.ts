/**
 * Who must be told of which change, and who was: one latency for each friend of each change. A user's next change must
 * come only after the last one has arrived everywhere.
 */
export interface DeliveryLedger {
  /** `subject` sets `status` now; everyone in its list of friends is to hear of it. */
  changed(subject: number, status: number, at: number): void;
  /** `viewer` was sent `status` of `subject`. Nothing is counted of subjects that have not changed yet. */
  heard(viewer: number, subject: number, status: number, at: number): void;
  readonly totals: () => DeliveryTotals;
  /** Latencies since the last time they were taken. */
  readonly takeLatencies: () => Float64Array;
}

export interface DeliveryTotals {
  readonly changes: number;
  readonly expected: number;
  /** Deliveries counted once for each friend and change. */
  readonly delivered: number;
  /** A change that came to a friend again: harmless (at least once), but paid for. */
  readonly repeated: number;
  /** A status other than the one last set, or one about somebody who is no friend: the first few. */
  readonly unexpected: readonly string[];
}

const MAX_EXAMPLES = 5;

export function createDeliveryLedger(friends: readonly (readonly number[])[]): DeliveryLedger {
  const users = friends.length;
  const statuses = new Uint8Array(users);
  const sentAt = new Float64Array(users);
  const changeOf = new Uint32Array(users);
  /** By viewer and subject: the change last heard. */
  const heardOf = new Map<number, number>();
  friends.forEach((list, subject) => {
    for (const viewer of list) heardOf.set(viewer * users + subject, 0);
  });
  let latencies: number[] = [];
  const totals = { changes: 0, expected: 0, delivered: 0, repeated: 0 };
  const unexpected: string[] = [];
  return {
    changed(subject, status, at) {
      totals.changes++;
      totals.expected += friends[subject]!.length;
      statuses[subject] = status;
      sentAt[subject] = at;
      changeOf[subject] = totals.changes;
    },
    heard(viewer, subject, status, at) {
      const edge = viewer * users + subject;
      const change = changeOf[subject]!;
      if (change === 0) return;
      if (!heardOf.has(edge) || statuses[subject] !== status) {
        const wanted = heardOf.has(edge) ? `status ${statuses[subject]!}` : 'nothing';
        if (unexpected.length < MAX_EXAMPLES) {
          unexpected.push(`${viewer} heard status ${status} of ${subject}, not ${wanted}`);
        }
      } else if (heardOf.get(edge) === change) {
        totals.repeated++;
      } else {
        heardOf.set(edge, change);
        totals.delivered++;
        latencies.push(at - sentAt[subject]!);
      }
    },
    totals: () => ({ ...totals, unexpected: [...unexpected] }),
    takeLatencies() {
      const taken = Float64Array.from(latencies);
      latencies = [];
      return taken;
    },
  };
}
