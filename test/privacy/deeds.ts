/** What one who hides does, and one who leaves. */
import type { Hiding } from './runs.ts';
import type { Deed, Deeds } from './script.ts';

export const nothing: Hiding = () => Promise.resolve();
export const waits: Deed = { do: 'wait' };
export const comes: Deeds = [{ do: 'connect', device: 1 }, { do: 'active', device: 1 }, waits];
export const leaves: readonly Deeds[] = [comes, [{ do: 'logout', device: 1 }]];
export const hides: Deed = { do: 'say', device: 1, status: 'STATUS_INVISIBLE' };
export const blocks: Deed = { do: 'block', whom: 'viewer' };
