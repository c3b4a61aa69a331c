/** Faults between a worker and what it uses. */

/**
 * A worker's hold on something, for as long as its process lives: pulled out, nothing it calls happens, and what was
 * under way is not answered, as when the process is killed. Disposed, all that fails, so that what is left of the
 * worker can be closed.
 */
export function plugged<T extends object>(
  target: T,
): Disposable & { readonly plug: T; pull(): void } {
  const buried = new AbortController();
  let isOut = false;
  const never = (): Promise<never> =>
    new Promise((_resolve, reject) => {
      const fail = (): void => reject(new Error('the process is dead'));
      if (buried.signal.aborted) fail();
      else buried.signal.addEventListener('abort', fail);
    });
  const plug = intercept(target, (call) => {
    if (isOut) return never();
    const result = call();
    if (!(result instanceof Promise)) return result;
    return result.then((answer: unknown) => (isOut ? never() : answer));
  });
  return {
    plug,
    pull: () => {
      isOut = true;
    },
    [Symbol.dispose]: () => buried.abort(),
  };
}

/** Calls fail with `error` while it is down. */
export function breakable<T extends object>(
  target: T,
  error: () => Error,
): { readonly broken: T; setDown(isDown: boolean): void } {
  let isDown = false;
  const broken = intercept(target, (call) => (isDown ? Promise.reject(error()) : call()));
  return {
    broken,
    setDown: (down) => {
      isDown = down;
    },
  };
}

type Method = (...args: unknown[]) => unknown;

/** A store's `shardOf` asks nobody. A pool's `asking` is no call: what it makes is called. */
function intercept<T extends object>(target: T, around: (call: () => unknown) => unknown): T {
  const intercepted =
    (method: Method): Method =>
    (...args) =>
      around(() => method(...args));
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== 'function') return value;
      const method = (value as Method).bind(object);
      if (name === 'shardOf') return method;
      if (name !== 'asking') return intercepted(method);
      return (...args: unknown[]) => intercepted(method(...args) as Method);
    },
  });
}
