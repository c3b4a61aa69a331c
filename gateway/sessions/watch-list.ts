/** Who watches whom. */
import type { Contact } from '../../gen/graph/v1/graph_service.ts';
import type { SubjectChange } from '../protocol/subject-change.ts';

/** One viewer's watch of one subject; replaced by a new one when what the viewer may see may have changed. */
export interface Watch {
  /** False until the graph has said how the viewer sees the subject. */
  isChecked: boolean;
  /** True when the viewer pulls the subject, who may be hidden from it. */
  isPolled: boolean;
  /** How the viewer sees the subject while it is hidden from it. */
  hiddenAs: Contact | undefined;
  /** Version of the subject that the viewer was sent last since it watches; undefined when it must be told anew. */
  toldVersion: bigint | undefined;
}

/** A session, as far as watching goes. */
export interface Viewer {
  readonly userId: string;
  /** By subject; kept here, changed by the WatchList only. */
  watching: Map<string, Watch> | undefined;
  deliver(change: SubjectChange): void;
}

export class WatchList {
  readonly #viewersOf = new Map<string, Set<Viewer>>();

  /** Begins a watch, or begins it anew, to be checked. */
  begin(viewer: Viewer, userId: string, toldVersion?: bigint): void {
    viewer.watching ??= new Map();
    viewer.watching.set(userId, {
      ...{ isChecked: false, isPolled: false, hiddenAs: undefined },
      toldVersion,
    });
    const viewers = this.#viewersOf.get(userId);
    if (viewers) viewers.add(viewer);
    else this.#viewersOf.set(userId, new Set([viewer]));
  }

  end(viewer: Viewer, userId: string): void {
    viewer.watching?.delete(userId);
    const viewers = this.#viewersOf.get(userId);
    viewers?.delete(viewer);
    if (viewers?.size === 0) this.#viewersOf.delete(userId);
  }

  /** Subjects that somebody pulls. */
  polled(): string[] {
    return [...this.#viewersOf.keys()].filter((userId) => this.pullersOf(userId).length > 0);
  }

  /** Viewers that pull the subject. */
  pullersOf(userId: string): Viewer[] {
    const viewers = this.#viewersOf.get(userId) ?? [];
    return [...viewers].filter((viewer) => viewer.watching?.get(userId)?.isPolled);
  }
}
