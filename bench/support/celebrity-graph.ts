/** The people of bench/celebrity.ts: two users alike in all but followers. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const CELEBRITY = 'star';
export const ORDINARY = 'plain';
/** The one of each one's friends who is connected. */
export const FRIEND_OF: Readonly<Record<string, string>> = {
  [CELEBRITY]: 'star-friend-0',
  [ORDINARY]: 'plain-friend-0',
};
/** As many as the average user of the Facebook graph has. */
const FRIENDS = 44;

export const FOLLOWERS = 1_000_000;

export function followers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `fan-${i}`);
}

/** Resolves with a file for `mesh import`: everyone's friends, and the celebrity's followers. */
export async function writeFollowers(dir: string): Promise<string> {
  const friends = [CELEBRITY, ORDINARY].flatMap((user) =>
    Array.from({ length: FRIENDS }, (_, i) => `${user}\t${user}-friend-${i}\n`),
  );
  const follows = followers(FOLLOWERS).map((fan) => `${fan}\t${CELEBRITY}\tfollows\n`);
  const file = join(dir, 'followers.tsv');
  await writeFile(file, [...friends, ...follows].join(''));
  return file;
}
