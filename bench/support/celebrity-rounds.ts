/** What bench/celebrity.ts measures, with nobody watching and with followers who watch. */
import { METRICS } from '../../lib/telemetry/names.ts';
import type { OtlpReceiver } from '../../test/support/otlp-receiver.ts';
import type { CelebrityLoad, ChangeTotals } from '../processes/celebrity-load.ts';
import type { BenchmarkContext } from './benchmark.ts';
import { CELEBRITY, FRIEND_OF, ORDINARY } from './celebrity-graph.ts';
import { median } from './percentiles.ts';
import type { Remote } from './remote.ts';
import { measureRounds, type Round } from './rounds.ts';
import type { Stack } from './stack.ts';
import type { DeliveryCount } from './topic-deliveries.ts';

/** By several devices, since a connection may send 20 frames a second. */
const CHANGES_PER_SECOND = 60;
const WARM_UP_MS = 10_000;
const ROUNDS = 6;
const ROUND_MS = 5_000;
const WARM_UP_CHANGES = 5;
/** Longer than a poll: changes come at any moment of one. */
const PAUSE_MS = 1_000;

export interface CelebrityRounds {
  readonly context: BenchmarkContext;
  readonly stack: Stack;
  readonly load: Remote<CelebrityLoad>;
  readonly deliveries: DeliveryCount;
  readonly receiver: OtlpReceiver;
}

/** A round with nobody watching, and what came of it. */
export interface Changed {
  readonly round: Round;
  readonly totals: ChangeTotals;
  /** Messages on the gateway's topic about the subject, and recipients in them who are not the friend. */
  readonly messages: number;
  readonly strangers: number;
}

export interface Unwatched {
  readonly celebrity: readonly Changed[];
  readonly ordinary: readonly Changed[];
  readonly idle: readonly Round[];
}

export async function measureUnwatched(rounds: CelebrityRounds): Promise<Unwatched> {
  const { say } = rounds.context;
  say('warming up');
  for (const subject of [CELEBRITY, ORDINARY]) await changeFor(rounds, subject, WARM_UP_MS);
  const measured = { celebrity: [] as Changed[], ordinary: [] as Changed[], idle: [] as Round[] };
  for (let i = 0; i < ROUNDS; i++) {
    say(`nobody watches: round ${i + 1} of ${ROUNDS}`);
    measured.idle.push(await measureRound(rounds, () => Promise.resolve(0)));
    const turns = i % 2 === 0 ? [CELEBRITY, ORDINARY] : [ORDINARY, CELEBRITY];
    for (const subject of turns) {
      const changed = await changeFor(rounds, subject, ROUND_MS);
      requireNoPush(subject, changed);
      measured[subject === CELEBRITY ? 'celebrity' : 'ordinary'].push(changed);
    }
  }
  return measured;
}

async function changeFor(
  rounds: CelebrityRounds,
  subject: string,
  roundMs: number,
): Promise<Changed> {
  const { load, deliveries, context } = rounds;
  const before = deliveries.of(subject, FRIEND_OF[subject]!);
  await load.call('start', { subject, perSecond: CHANGES_PER_SECOND });
  const round = await measureRound(rounds, () => load.call('changes', undefined), roundMs);
  const totals = await load.call('stop', undefined);
  // Whoever counts messages reads them a little later than the gateway may.
  await context.clock.sleep(PAUSE_MS);
  const after = deliveries.of(subject, FRIEND_OF[subject]!);
  return {
    ...{ round, totals },
    messages: after.messages - before.messages,
    strangers: after.strangers - before.strangers,
  };
}

async function measureRound(
  { context: { clock }, stack, load }: CelebrityRounds,
  count: () => Promise<number>,
  roundMs = ROUND_MS,
): Promise<Round> {
  const { parts } = stack;
  const rounds = await measureRounds({
    clock,
    parts,
    loadPid: load.pid,
    count,
    rounds: 1,
    roundMs,
  });
  return rounds[0]!;
}

function requireNoPush(subject: string, { totals, messages, strangers }: Changed): void {
  const problems = [
    ...(strangers === 0 ? [] : [`${strangers} recipients of messages who are no friends`]),
    ...(totals.pushed === 0 ? [] : [`${totals.pushed} updates to followers who do not watch`]),
    ...(messages > 0 ? [] : ['no message was counted at all']),
  ];
  if (problems.length > 0) throw new Error(`celebrity failed, ${subject}: ${problems.join('; ')}`);
}

export interface Watched {
  readonly viewers: number;
  /** From their asking to watch, all at once, to the last one's being answered. */
  readonly beginMs: number;
  /** ms to the last viewer of each change. */
  readonly last: readonly number[];
  /** ms to half of the viewers of each change. */
  readonly half: readonly number[];
  readonly lookupsPerSecond: number;
}

export async function measureWatched(
  rounds: CelebrityRounds,
  viewers: number,
  changes: number,
): Promise<Watched> {
  const { context, load, receiver } = rounds;
  const { clock, say } = context;
  say(`${viewers === 1 ? 'one watches' : `${viewers} watch`}: ${changes} changes`);
  const beginMs = await load.call('watch', viewers);
  for (let i = 0; i < WARM_UP_CHANGES; i++) await load.call('changeOnce', undefined);
  const before = { lookups: await lookupsSoFar(receiver, clock), at: clock.monotonic() };
  const [last, half]: [number[], number[]] = [[], []];
  for (let i = 0; i < changes; i++) {
    await clock.sleep(clock.random() * PAUSE_MS);
    const arrivals = await load.call('changeOnce', undefined);
    last.push(arrivals.at(-1)!);
    half.push(median(arrivals));
  }
  const after = { lookups: await lookupsSoFar(receiver, clock), at: clock.monotonic() };
  const seconds = (after.at - before.at) / 1000;
  const lookupsPerSecond = (after.lookups - before.lookups) / seconds;
  return { viewers, beginMs, last, half, lookupsPerSecond };
}

/** As last told by the gateway; waits until it has told again, so that it is as new at the end as at the beginning. */
async function lookupsSoFar(receiver: OtlpReceiver, clock: BenchmarkContext['clock']) {
  const told = receiver.bodies.length;
  const hasTold = (): boolean =>
    receiver.bodies.slice(told).some((body) => body.includes('mesh-gateway'));
  while (!hasTold()) await clock.sleep(10);
  const { name } = METRICS.watchLookups;
  return receiver.series().find(({ metric }) => metric === name)?.count ?? 0;
}
