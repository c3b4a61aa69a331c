/** Users a call may name. */
export const MAX_BATCH = 1000;
