/** Who is online, and when the others were last there: the table that the example keeps. */
import { Status, type Presence } from '../../gen/presence/v1/presence.ts';

export class LastSeen {
  readonly #userIds: readonly string[];
  readonly #rows = new Map<string, Presence>();

  /** @param known rows of before; those of users who are not asked for any more are left out. */
  constructor(userIds: readonly string[], known: readonly Presence[]) {
    this.#userIds = [...new Set(userIds)];
    const wanted = new Set(userIds);
    for (const row of known) if (wanted.has(row.userId)) this.#rows.set(row.userId, row);
  }

  /**
   * The only rule there is: the higher version is right. False for what is not news: the same again, since changes come
   * at least once, or something older than what a look-up has brought meanwhile.
   */
  apply(presence: Presence): boolean {
    const known = this.#rows.get(presence.userId);
    if (known && known.version >= presence.version) return false;
    this.#rows.set(presence.userId, presence);
    return true;
  }

  get userIds(): readonly string[] {
    return this.#userIds;
  }

  /** Users of whom nothing is known yet. */
  unknown(): string[] {
    return this.#userIds.filter((userId) => !this.#rows.has(userId));
  }

  /** How many are online, whether or not they are busy or away. */
  online(): number {
    return this.rows().filter(({ status }) => status !== Status.STATUS_OFFLINE).length;
  }

  rows(): Presence[] {
    return [...this.#rows.values()];
  }
}
