/** The social graph of the benchmarks: Facebook's where it is at hand, else one of the same shape. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Friendships {
  /** Lines `a<TAB>b`, each pair once. */
  readonly file: string;
  readonly source: string;
  readonly pairs: readonly (readonly [number, number])[];
  /** Users are 0 to this less one; the user ids are these numbers. */
  readonly users: number;
}

/** Beside the checkout: reference data is not copied into the project. */
const FACEBOOK = join('..', 'shared', 'data', 'facebook-friends.tsv');
const USERS = 4039;
const FRIENDS_BY_JOINING = 22;

/** @param dir where a generated file goes. */
export async function readFriendships(dir: string): Promise<Friendships> {
  if (existsSync(FACEBOOK)) {
    return {
      ...parse(await readFile(FACEBOOK, 'utf8')),
      file: FACEBOOK,
      source: 'SNAP ego-Facebook',
    };
  }
  const file = join(dir, 'friends.tsv');
  const text = generatePairs().map(([a, b]) => `${a}\t${b}\n`);
  await writeFile(file, text.join(''));
  return { ...parse(text.join('')), file, source: 'generated' };
}

function parse(text: string): Pick<Friendships, 'pairs' | 'users'> {
  const pairs = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t').map(Number) as [number, number]);
  return { pairs, users: pairs.reduce((most, [a, b]) => Math.max(most, a, b), -1) + 1 };
}

/**
 * Preferential attachment: 4,039 users, mean degree 44, a heavy tail. The same graph every time: a seeded generator,
 * so that runs can be compared.
 */
export function generatePairs(): [number, number][] {
  const random = mulberry32(4039);
  const pairs: [number, number][] = [];
  /** Every user as often as they have friends, once more for having joined. */
  const ends: number[] = [0];
  for (let user = 1; user < USERS; user++) {
    const friends = new Set<number>();
    while (friends.size < Math.min(user, FRIENDS_BY_JOINING)) {
      friends.add(ends[Math.floor(random() * ends.length)]!);
    }
    for (const friend of friends) pairs.push([friend, user]);
    ends.push(user, ...friends, ...Array.from(friends, () => user));
  }
  return pairs;
}

/** A small seeded generator (Tommy Ettinger, public domain); uniform in [0, 1). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function friendsOf({ pairs, users }: Pick<Friendships, 'pairs' | 'users'>): number[][] {
  const friends = Array.from({ length: users }, (): number[] => []);
  for (const [a, b] of pairs) {
    friends[a]!.push(b);
    friends[b]!.push(a);
  }
  return friends;
}
