import type { Presence } from '../../gen/presence/v1/presence.ts';
import { SharedFrame } from './frames.ts';

/** Presences in one frame. */
export const MAX_PRESENCES = 500;

/** A snapshot in parts. One part at least: an empty snapshot is one too. */
export function snapshotFrames(presences: readonly Presence[]): readonly SharedFrame[] {
  const count = Math.max(1, Math.ceil(presences.length / MAX_PRESENCES));
  return Array.from({ length: count }, (_, part) => {
    const from = part * MAX_PRESENCES;
    const value = {
      presences: presences.slice(from, from + MAX_PRESENCES),
      last: part === count - 1,
    };
    return new SharedFrame({ $case: 'snapshot', value });
  });
}
