/** What can happen, and how often. */
import fc from 'fast-check';
import type { Choice, Edge } from './oracle.ts';

export const USERS = ['ann', 'bob', 'cat', 'dan', 'star'] as const;
const STORE_CALLS = [
  ...(['change', 'beat', 'lookup', 'look', 'ack', 'sweep', 'routes'] as const),
  ...(['keepLease', 'listLeases'] as const),
];
export type StoreCall = (typeof STORE_CALLS)[number];

/** What a device does; which one, is its number among those that are open. */
export type DeviceDeed =
  | 'freeze'
  | 'thaw'
  | 'close'
  | 'cut'
  | 'logout'
  | 'idle'
  | 'active'
  | 'resync'
  | 'watch'
  | 'unwatch';

export type Step =
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'connect'; readonly userId: string; readonly gateway: number }
  | { readonly do: DeviceDeed; readonly device: number }
  | { readonly do: 'choose'; readonly userId: string; readonly choice: Choice | undefined }
  | { readonly do: Edge; readonly from: string; readonly to: string }
  | { readonly do: 'add gateway' }
  | { readonly do: 'close gateway'; readonly gateway: number }
  /** The internal service that hears of all transitions. */
  | { readonly do: 'cut follower' | 'resume follower' }
  /** At the same time, of different users and devices. */
  | { readonly do: 'together'; readonly steps: readonly Step[] }
  | Fault;

export type Fault =
  | { readonly do: 'cut off gateway'; readonly gateway: number }
  | { readonly do: 'stop worker'; readonly worker: number }
  /** When it is about to make that call from now: with something half done. */
  | { readonly do: 'kill worker'; readonly worker: number; readonly atCall: number }
  | { readonly do: 'start worker' }
  | { readonly do: 'heal' }
  | { readonly do: 'bus'; readonly is: 'refusing' | 'doubtful' | 'late' }
  | {
      readonly do: 'store fails';
      readonly call: StoreCall;
      readonly times: number;
      /** Doubtful: what was asked for is done, and the answer lost. */
      readonly isDoubtful: boolean;
    }
  | { readonly do: 'store away' }
  | { readonly do: 'fence'; readonly userId: string; readonly truncate: boolean };

const just = <const T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const nth = fc.nat({ max: 11 });
const userId = just(...USERS);

/** Less and more than the grace, and than the lease. */
const pass = fc.record({
  do: just('pass'),
  ms: fc.oneof(
    fc.integer({ min: 50, max: 500 }),
    fc.integer({ min: 400, max: 1500 }),
    fc.integer({ min: 2500, max: 4500 }),
  ),
});
const connect = fc.record({ do: just('connect'), userId, gateway: nth });
const deed = fc.record({
  do: just<DeviceDeed>(
    ...(['freeze', 'freeze', 'thaw', 'close', 'cut', 'logout', 'idle', 'active'] as const),
    ...(['resync', 'watch', 'watch', 'unwatch'] as const),
  ),
  device: nth,
});
/** What is read while it changes. */
const resync = fc.record({ do: just<DeviceDeed>('resync', 'thaw'), device: nth });
const choose = fc.record({
  do: just('choose'),
  userId,
  choice: just<Choice | undefined>('ONLINE', 'AWAY', 'BUSY', 'INVISIBLE', 'INVISIBLE', undefined),
});
const edge = fc
  .record({
    do: just<Edge>('befriend', 'unfriend', 'follow', 'unfollow', 'block', 'block', 'unblock'),
    from: userId,
    to: userId,
  })
  .filter(({ from, to }) => from !== to);
const gateways = fc.oneof(
  fc.record({ do: just('add gateway') }),
  fc.record({ do: just('close gateway'), gateway: nth }),
);

/**
 * In an order in which nothing is seen that is not seen in some other order too, but for OFFLINE: who shows themselves,
 * then who comes, chooses, goes, and at last who hides. So whatever happens first, the oracle has seen it.
 */
const together = fc
  .tuple(
    fc.array(edge, { maxLength: 1 }),
    fc.array(connect, { maxLength: 2 }),
    fc.array(choose, { maxLength: 1 }),
    fc.array(fc.oneof(deed, resync), { maxLength: 3 }),
  )
  .map(([edges, connects, choices, deeds]): Step => {
    const [hiding, showing] = [edges.filter(isHiding), edges.filter((one) => !isHiding(one))];
    return { do: 'together', steps: [...showing, ...connects, ...choices, ...deeds, ...hiding] };
  });

const isHiding = ({ do: edgeDeed }: { readonly do: Edge }): boolean =>
  edgeDeed === 'unfriend' || edgeDeed === 'unfollow' || edgeDeed === 'block';

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: just('cut off gateway'), gateway: nth }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: just('kill worker'), worker: nth, atCall: fc.nat({ max: 8 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: just('stop worker'), worker: nth }) },
  { weight: 2, arbitrary: fc.record({ do: just('start worker') }) },
  { weight: 3, arbitrary: fc.record({ do: just('heal') }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: just('bus'), is: just('refusing', 'doubtful', 'late') }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: just('store fails'),
      call: just(...STORE_CALLS),
      times: fc.integer({ min: 1, max: 5 }),
      isDoubtful: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: just('store away') }) },
  { weight: 3, arbitrary: fc.record({ do: just('fence'), userId, truncate: fc.boolean() }) },
);

const users: fc.MaybeWeightedArbitrary<Step>[] = [
  { weight: 8, arbitrary: pass },
  { weight: 7, arbitrary: connect },
  { weight: 8, arbitrary: deed },
  { weight: 5, arbitrary: choose },
  { weight: 5, arbitrary: edge },
  { weight: 1, arbitrary: gateways },
  { weight: 1, arbitrary: fc.record({ do: just('cut follower', 'resume follower') }) },
  { weight: 5, arbitrary: together },
];

const LENGTH = { minLength: 8, maxLength: 30 };
/** Nothing breaks: every promise holds at every moment. */
const peace = fc.array(fc.oneof(...users), LENGTH);
/** Faults too: nothing is told that may not be, and all is well in the end. */
const storm = fc.array(fc.oneof(...users, { weight: 7, arbitrary: fault }), LENGTH);

export interface History {
  /** Of the clock's randomness. */
  readonly seed: number;
  readonly steps: readonly Step[];
}

export const history: fc.Arbitrary<History> = fc.record({
  seed: fc.nat(),
  steps: fc.oneof(peace, storm),
});
