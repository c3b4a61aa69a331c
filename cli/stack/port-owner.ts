import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Who listens on the port, in words; needs `ss`, and root for other people's processes. */
export async function portOwner(port: number): Promise<string> {
  const filter = ['-H', '-l', '-t', '-n', '-p', 'sport', '=', `:${port}`];
  const output = await promisify(execFile)('ss', filter).then(
    ({ stdout }) => stdout,
    () => '',
  );
  const [, name, pid] = /\(\("([^"]+)",pid=(\d+)/.exec(output) ?? [];
  return name === undefined ? 'another process' : `${name} (process ${pid ?? '?'})`;
}
