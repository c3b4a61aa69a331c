/** How a change that is still to be announced is written down. */
import { z } from 'zod';
import type { Plan } from './edges.ts';
import type { PendingRecord } from './graph-store.ts';

type RecordBody = Omit<PendingRecord, 'recordId'>;

/** `blockId` is a new one, in case the plan freezes. */
export function recordOf(plan: Plan, blockId: string): RecordBody {
  return { announcements: plan.announcements, ...(plan.freezes && { blockId }) };
}

/** The same for both directions of a pair. */
export function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

const body = z.object({
  announcements: z.array(
    z.object({
      subject: z.string(),
      only: z.union([z.array(z.string()), z.literal('FOLLOWERS')]),
      shownVersion: z.number().optional(),
      renew: z.enum(['ALWAYS', 'PRESENT', 'VIEW']).optional(),
    }),
  ),
  blockId: z.string().optional(),
});

export function parseRecord(recordId: string, json: string): PendingRecord {
  const { blockId, announcements } = body.parse(JSON.parse(json));
  return { recordId, announcements, ...(blockId !== undefined && { blockId }) };
}
