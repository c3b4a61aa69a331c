/** Bulk import: a stream of edges, checked as it comes, stored whole or, when it is long, in batches. */
import { Relation, type Edge, type ImportEdgesRequest } from '../gen/graph/v1/graph_service.ts';
import { invalidArgument } from '../lib/errors.ts';
import { edgeProblem } from './edge-problem.ts';
import type { GraphStore, LoadEdge } from './graph-store.ts';

/** Up to so many edges are one transaction. */
const MAX_ATOMIC_EDGES = 200_000;
/** Of a message, and of a batch of a longer stream. */
const MAX_BATCH_EDGES = 10_000;

interface Imported {
  readonly edges: number;
  readonly users: number;
  readonly revision: number;
}

export type ImportEdges = (requests: AsyncIterable<ImportEdgesRequest>) => Promise<Imported>;

/** One load at a time: two at once would only make each other start again. */
export function createImporter(store: Pick<GraphStore, 'load'>): ImportEdges {
  let last: Promise<unknown> = Promise.resolve();
  const load = (edges: readonly LoadEdge[]): Promise<number> => {
    const run = last.then(() => store.load(edges));
    last = run.catch(() => undefined);
    return run;
  };
  return (requests) => importEdges(requests, load);
}

async function importEdges(
  requests: AsyncIterable<ImportEdgesRequest>,
  load: (edges: readonly LoadEdge[]) => Promise<number>,
): Promise<Imported> {
  const users = new Set<string>();
  let total: number | undefined;
  let edges = 0;
  let revision = 0;
  let waiting: LoadEdge[] = [];
  for await (const request of requests) {
    total ??= totalOf(request);
    const read = edgesOf(request, edges);
    edges += read.length;
    if (edges > total) throw wrongTotal(total, `${edges} or more came`);
    for (const { from, to } of read) users.add(from).add(to);
    waiting.push(...read);
    if (total > MAX_ATOMIC_EDGES && waiting.length >= MAX_BATCH_EDGES) {
      revision = await load(waiting);
      waiting = [];
    }
  }
  if (edges !== total) throw wrongTotal(total ?? 0, `${edges} came`);
  if (waiting.length > 0) revision = await load(waiting);
  return { edges, users: users.size, revision };
}

function totalOf({ total }: ImportEdgesRequest): number {
  if (total > 0n) return Number(total);
  throw invalidArgument('total', 'is missing; the first message says how many edges will come');
}

function wrongTotal(total: number, came: string): Error {
  return invalidArgument('total', `${total} edges were promised and ${came}`);
}

function edgesOf({ edges, firstLine }: ImportEdgesRequest, before: number): LoadEdge[] {
  if (edges.length > MAX_BATCH_EDGES) {
    const problem = `has ${edges.length} edges; give at most ${MAX_BATCH_EDGES} a message`;
    throw invalidArgument('edges', problem);
  }
  const first = firstLine > 0n ? Number(firstLine) : before + 1;
  return edges.map((edge, index) => edgeOf(edge, first + index));
}

const kindOf: Partial<Record<Relation, LoadEdge['kind']>> = {
  [Relation.RELATION_FRIEND]: 'FRIEND',
  [Relation.RELATION_FOLLOWED]: 'FOLLOWS',
};

function edgeOf({ relation, fromUserId: from, toUserId: to }: Edge, line: number): LoadEdge {
  const kind = kindOf[relation];
  const problem = kind
    ? edgeProblem(from, to)
    : 'relation: give RELATION_FRIEND or RELATION_FOLLOWED';
  if (kind && !problem) return { kind, from, to };
  throw invalidArgument(`line ${line}`, problem ?? '');
}
