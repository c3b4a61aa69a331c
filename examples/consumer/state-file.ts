/**
 * The table and the cursor it was reached with, in one file. Together, or a crash between the two would lose a change
 * (cursor first) or keep one that the table never saw.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { Presence } from '../../gen/presence/v1/presence.ts';

export interface State {
  /** Empty: begin anew. */
  readonly cursor: string;
  readonly rows: readonly Presence[];
}

/** @throws Error in words for a person */
export async function readState(file: string): Promise<State> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return { cursor: '', rows: [] };
  try {
    return stateOf(JSON.parse(text));
  } catch (error) {
    const problem = `${file} is damaged, or is another program's; remove it to begin anew`;
    throw new Error(`${problem} (${String(error)})`, { cause: error });
  }
}

function stateOf(value: unknown): State {
  const { cursor, rows } = { ...(value as { cursor?: unknown; rows?: unknown }) };
  if (typeof cursor !== 'string' || !Array.isArray(rows)) throw new Error('no cursor, or no rows');
  return { cursor, rows: rows.map((row) => Presence.fromJSON(row)) };
}

/** Whoever reads the file, and whenever this process is killed: it is the old state or the new one, whole. */
async function writeState(file: string, { cursor, rows }: State): Promise<void> {
  const text = JSON.stringify({ cursor, rows: rows.map((row) => Presence.toJSON(row)) }, null, 1);
  const next = `${file}.next`;
  const handle = await open(next, 'w');
  try {
    await handle.writeFile(`${text}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, file);
}

export interface Saver {
  /** Something changed: the state is written as soon as the disk is free, once for all that changed meanwhile. */
  soon(): void;
  /** Resolves when nothing is left to write. */
  done(): Promise<void>;
}

/** @param onFailure the state could not be written: going on would only grow what a crash repeats. */
export function createSaver(
  file: string,
  state: () => State,
  onFailure: (error: Error) => void,
): Saver {
  let isDirty = false;
  let writing = Promise.resolve();
  const write = async (): Promise<void> => {
    isDirty = false;
    await writeState(file, state());
  };
  return {
    soon() {
      if (isDirty) return;
      isDirty = true;
      writing = writing.then(write).catch(onFailure);
    },
    done: () => writing,
  };
}
