/** How somebody hidden looks: one rule for all who tell of them, since what differs tells that they hide. */

/** What was shown when they hid. */
export interface LastShown {
  readonly version: bigint;
  readonly lastActive: Date | undefined;
}

/** What the shard keeps of one who has been OFFLINE for some time. */
export interface Kept {
  /** Nobody is shown with a lower version. */
  readonly floor: bigint;
  /** Who has been OFFLINE since a version below this looks as if never seen. */
  readonly forgottenBelow: bigint;
}

/** As one who left when they hid, and as nothing that they did since would make them look. */
export function asLeft({ version, lastActive }: LastShown, { floor, forgottenBelow }: Kept) {
  return {
    version: version > floor ? version : floor,
    lastActive: version < forgottenBelow ? undefined : lastActive,
  };
}
