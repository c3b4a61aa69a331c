/**
 * No context that follows asynchronous work by itself: here each step is handed its parent. The SDK's own manager
 * makes Node track every promise of the process once anything has been exported, at a price.
 */
import { ROOT_CONTEXT, type ContextManager } from '@opentelemetry/api';

export const noContext: ContextManager = {
  active: () => ROOT_CONTEXT,
  with: (_context, task, thisArg, ...args) => task.apply(thisArg, args),
  bind: (_context, target) => target,
  enable: () => noContext,
  disable: () => noContext,
};
