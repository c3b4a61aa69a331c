/** What deliveries carry. */
import type { Presence } from '../../gen/presence/v1/presence.ts';
import { SharedFrame } from './frames.ts';

/** One subject as a viewer sees it now. */
export interface SubjectChange {
  readonly subjectUserId: string;
  /** undefined: the viewer does not see the subject any more. */
  readonly presence: Presence | undefined;
  /** The same, as a frame. */
  readonly frame: SharedFrame;
}

export function changeOf(subjectUserId: string, presence: Presence | undefined): SubjectChange {
  const frame = presence
    ? new SharedFrame({ $case: 'update', value: { presences: [presence] } })
    : new SharedFrame({ $case: 'removed', value: { userIds: [subjectUserId] } });
  return { subjectUserId, presence, frame };
}
