/** Histories that something was wrong with once. */
import type { History } from './history.ts';

export const onceFailed: readonly History[] = [
  {
    // Of who is hidden the viewer keeps version and mode: becoming friends meanwhile changes the mode unseen.
    seed: 1,
    steps: [
      { do: 'connect', userId: 'dan', gateway: 0 },
      { do: 'block', from: 'star', to: 'dan' },
      { do: 'befriend', from: 'dan', to: 'star' },
      { do: 'unblock', from: 'star', to: 'dan' },
      { do: 'connect', userId: 'star', gateway: 1 },
    ],
  },
  {
    // Nobody hears of a logout at a gateway that is cut off: what is chosen meanwhile shows.
    seed: 2,
    steps: [
      { do: 'connect', userId: 'ann', gateway: 0 },
      { do: 'connect', userId: 'star', gateway: 1 },
      { do: 'cut off gateway', gateway: 1 },
      { do: 'logout', device: 1 },
      { do: 'choose', userId: 'star', choice: 'AWAY' },
    ],
  },
];
