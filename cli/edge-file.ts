/** Files of edges: a line is `a<TAB>b` for two friends, or `a<TAB>b<TAB>follows` for a follower and whom they follow. */
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Relation, type Edge } from '../gen/graph/v1/graph_service.ts';
import { edgeProblem } from '../graph/edge-problem.ts';
import { messageOf } from '../lib/errors.ts';

/** So many wrong lines are named before the rest is only counted. */
const MAX_NAMED = 10;

/** The file is not imported: each wrong line with its number. */
class EdgeFileError extends Error {
  override readonly name = 'EdgeFileError';
}

/**
 * Reads the whole file and returns how many edges are in it.
 * @throws EdgeFileError
 */
export async function checkEdgeFile(path: string): Promise<number> {
  const problems: string[] = [];
  let lines = 0;
  let wrong = 0;
  for await (const line of await linesOf(path)) {
    lines++;
    const edge = parseEdge(line);
    if (typeof edge !== 'string') continue;
    if (++wrong <= MAX_NAMED) problems.push(`${path}, line ${lines}: ${edge}`);
  }
  if (lines === 0)
    throw new EdgeFileError(`${path} has no lines; a line is two user ids with a tab between them`);
  if (wrong === 0) return lines;
  const more = wrong > MAX_NAMED ? [`… and ${wrong - MAX_NAMED} more wrong lines`] : [];
  throw new EdgeFileError([...problems, ...more, 'Nothing was imported.'].join('\n'));
}

/** The edges of a checked file, in its order, `size` at a time. */
export async function* edgesOf(path: string, size: number): AsyncGenerator<Edge[]> {
  let edges: Edge[] = [];
  for await (const line of await linesOf(path)) {
    const edge = parseEdge(line);
    if (typeof edge === 'string')
      throw new EdgeFileError(`${path} changed while it was read: ${edge}`);
    edges.push(edge);
    if (edges.length < size) continue;
    yield edges;
    edges = [];
  }
  if (edges.length > 0) yield edges;
}

async function linesOf(path: string): Promise<AsyncIterable<string>> {
  const start = await startOf(path);
  return createInterface({ input: createReadStream(path, { start }), crlfDelay: Infinity });
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  ENOTDIR: 'is not there',
  EACCES: 'may not be read by you',
  EPERM: 'may not be read by you',
};

async function openEdges(path: string): Promise<FileHandle> {
  const file = await open(path).catch((error: unknown) => {
    const known = PROBLEMS[(error as NodeJS.ErrnoException).code ?? ''];
    const problem = known === undefined ? `: ${messageOf(error)}` : ` ${known}`;
    throw new EdgeFileError(`${path || 'a file without a name'}${problem}`, { cause: error });
  });
  if (!(await file.stat()).isDirectory()) return file;
  await file.close();
  throw new EdgeFileError(`${path} is a directory; give a file of edges`);
}

const UTF_8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const UTF_16_MARKS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];

/** Behind the byte order mark that some editors put before UTF-8. */
async function startOf(path: string): Promise<number> {
  await using file = await openEdges(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(3), 0, 3, 0);
  const head = buffer.subarray(0, bytesRead);
  if (UTF_16_MARKS.some((mark) => head.subarray(0, 2).equals(mark))) {
    throw new EdgeFileError(`${path} is UTF-16; save it as UTF-8. Nothing was imported.`);
  }
  return head.equals(UTF_8_MARK) ? UTF_8_MARK.length : 0;
}

/** Also within a file: where several were put together. */
const BYTE_ORDER_MARK = /^\uFEFF/;

/** The edge of a line, or what is wrong with it. */
function parseEdge(written: string): Edge | string {
  const line = written.replace(BYTE_ORDER_MARK, '');
  const [fromUserId = '', toUserId, kind, ...rest] = line.split('\t');
  if (line === '') return 'is empty; a line is two user ids with a tab between them';
  if (toUserId === undefined) return `has no tab: ${JSON.stringify(line.slice(0, 140))}`;
  if (rest.length > 0) return `has ${rest.length + 3} columns; give two, or three with "follows"`;
  if (kind !== undefined && kind !== 'follows') {
    return `the third column is ${JSON.stringify(kind.slice(0, 140))}; leave it out for friends, or write "follows"`;
  }
  const problem = edgeProblem(fromUserId, toUserId);
  if (problem) return problem;
  const relation = kind ? Relation.RELATION_FOLLOWED : Relation.RELATION_FRIEND;
  return { relation, fromUserId, toUserId };
}
