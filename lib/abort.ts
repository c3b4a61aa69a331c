/** Ends for many at once: a stop that every stream, try and reader of a process waits for. */
import { setMaxListeners } from 'node:events';

/** Node takes more than ten who wait for one signal for a leak, and tells whoever reads the log. */
export function createAbortController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
