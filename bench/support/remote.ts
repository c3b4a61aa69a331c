/**
 * A process of a benchmark: load must not run in the process that measures, nor be counted with what is measured.
 * Calls go over Node's IPC channel; a process whose parent is gone leaves at once.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

type Input<M> = M extends (input: infer I) => unknown ? I : never;
type Output<M> = M extends (input: never) => infer O ? Awaited<O> : never;

export interface Remote<Methods> extends AsyncDisposable {
  readonly pid: number;
  /** Rejects with what the method threw, or when the process ended. */
  call<K extends keyof Methods & string>(
    method: K,
    input: Input<Methods[K]>,
  ): Promise<Output<Methods[K]>>;
}

interface Call {
  readonly id: number;
  readonly method: string;
  readonly input: unknown;
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** @param file compiled module that calls `serveRemote`. */
export async function startRemote<Methods extends object>(file: URL): Promise<Remote<Methods>> {
  const path = fileURLToPath(file);
  const child = fork(path, {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await once(child, 'spawn');
  const waiting = receiveReplies(child, path);
  let nextId = 0;
  return {
    pid: child.pid!,
    async call(method, input) {
      const id = nextId++;
      const result = await new Promise<unknown>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        child.send({ id, method, input } satisfies Call);
      });
      return result as Output<Methods[typeof method]>;
    },
    [Symbol.asyncDispose]: () => end(child),
  };
}

function receiveReplies(child: ChildProcess, path: string): Map<number, Waiting> {
  const waiting = new Map<number, Waiting>();
  child.on('message', (reply: Reply) => {
    const call = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.error === undefined) call?.resolve(reply.result);
    else call?.reject(new Error(reply.error));
  });
  child.once('exit', (code, signal) => {
    const error = new Error(`${path} ended with ${String(code ?? signal)}`);
    for (const call of waiting.values()) call.reject(error);
  });
  return waiting;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** The other side: answers the parent's calls with these methods until the parent is gone. */
export function serveRemote(methods: object): void {
  process.on('message', (call: Call) => {
    void run(methods, call).then((reply) => process.send?.(reply));
  });
  process.once('disconnect', () => process.exit());
}

async function run(methods: object, { id, method, input }: Call): Promise<Reply> {
  try {
    const known: unknown = Reflect.get(methods, method);
    if (typeof known !== 'function') throw new Error(`no method ${method}`);
    const result: unknown = await Reflect.apply(known, methods, [input]);
    return { id, result };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
