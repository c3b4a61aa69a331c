/** Random commands for a presence store: few users and sessions, so that they meet. */
import fc from 'fast-check';
import type { Beat, Change } from '../../store/presence-store.ts';

export type Command =
  | { readonly do: 'change'; readonly change: Change }
  | { readonly do: 'beat'; readonly beats: readonly Beat[] }
  | { readonly do: 'sweep' }
  | { readonly do: 'look' }
  | { readonly do: 'fence'; readonly truncate: boolean }
  | { readonly do: 'wait'; readonly ms: number };

export const USERS = ['ann', 'ben'] as const;
/** ms; ages and graces are on either side of it. */
export const LEASE_TTL_MS = 250;
/** Ages of choices that come with a session, ms. */
export const CHOICE_AGES = [0, 60, 100_000] as const;

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const userId = fc.constantFrom(...USERS);
const sessionId = fc.constantFrom('s1', 's2');
const ageMs = fc.constantFrom(0, 0, 0, 70, 150, 230, 600, -20);
const epoch = fc.nat(2);
const trace = fc.constantFrom('', TRACE);
const activity = fc.constantFrom('ONLINE' as const, 'AWAY' as const);
const chosen = fc.constantFrom('ONLINE', 'AWAY', 'BUSY', 'INVISIBLE', undefined);
const gatewayId = fc.constantFrom('gw-1', 'gw-2');
const device = fc.constantFrom('', 'phone', 'a|b');
const choice = fc.record({ chosen, ageMs: fc.constantFrom(...CHOICE_AGES) });

const session = { userId, sessionId, gatewayId, device, activity, epoch, ageMs, trace };
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('open'), ...session }),
  fc.record({ kind: fc.constant('open'), ...session }),
  fc.record({ kind: fc.constant('open'), ...session, choice }),
  fc.record({ kind: fc.constant('activity'), userId, sessionId, activity, epoch, trace }),
  fc.record({ kind: fc.constant('choose'), userId, chosen, trace }),
  fc.record({
    ...{ kind: fc.constant('close'), userId, sessionId, trace },
    graceMs: fc.constantFrom(0, 90, 9_000, 9_000),
  }),
  fc.record({
    ...{ kind: fc.constant('close'), userId, sessionId, trace, ageMs },
    graceMs: fc.constantFrom(0, 90, 9_000),
  }),
  fc.record({
    ...{ kind: fc.constant('activity'), userId, sessionId, activity, epoch, trace },
    causeAgeMs: fc.constantFrom(0, 70),
  }),
  fc.record({
    ...{ kind: fc.constant('announce'), userId, trace },
    only: fc.subarray(['v1', 'v2']),
    graphRevision: fc.constantFrom('0', '7', '18446744073709551615'),
    renew: fc.constantFrom('PRESENT', 'ALWAYS', 'VIEW'),
  }),
  fc.record({
    ...{ kind: fc.constant('announce'), userId, trace, only: fc.subarray(['v1', 'v2']) },
    graphRevision: fc.constantFrom('0', '8'),
  }),
);

const beats = fc.array(fc.record({ userId, sessionId, ageMs, epoch }), { maxLength: 6 });

export const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('change'), change }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('beat'), beats }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('sweep') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('look') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('fence'), truncate: fc.boolean() }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 5, max: 200 }) }),
    },
  ),
  { minLength: 5, maxLength: 30 },
);
