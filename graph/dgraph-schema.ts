/** What is stored in Dgraph, and how it comes to be there. */
import type { DgraphConnection } from './dgraph-connection.ts';

/**
 * `mesh.user_id` carries @upsert: two transactions that create the same user conflict, so that there is one node a
 * user. So does `mesh.pair`: whoever changes an edge of two users conflicts with everyone else who does.
 *
 * `@reverse` stands without `@count`: with it, every new follower of one user writes the same key, and 200,000
 * followers took 221 s. Edges of lists conflict edge by edge, so a celebrity's followers come and go side by side.
 *
 * `mesh.hides` leads from a viewer to each subject that is hidden from them, with three facets: `block`, which block
 * it was, and, once that has been announced, `version` and `last_active` as then shown.
 */
const PREDICATES: Readonly<Record<string, string>> = {
  'mesh.user_id': 'string @index(hash) @upsert',
  'mesh.friend': '[uid]',
  'mesh.follows': '[uid] @reverse',
  'mesh.blocks': '[uid]',
  'mesh.hides': '[uid]',
  // Present on users in pull mode, and only there.
  'mesh.pull': 'bool',
  // Changes still to be announced.
  'mesh.outbox': 'bool @index(bool)',
  'mesh.pair': 'string @index(hash) @upsert',
  'mesh.record': 'string',
  // Another value after each load of edges.
  'mesh.loads': 'string @noconflict',
};

interface StoredPredicate {
  readonly predicate: string;
  readonly type: string;
  readonly list?: boolean;
  readonly index?: boolean;
  readonly tokenizer?: readonly string[];
  readonly reverse?: boolean;
  readonly upsert?: boolean;
  readonly no_conflict?: boolean;
}

/** Alters only what differs: an alter holds up every transaction that runs. */
export async function migrate(connection: DgraphConnection): Promise<void> {
  const names = Object.keys(PREDICATES).join(', ');
  const reply = await connection.read<{ schema?: readonly StoredPredicate[] }>(
    `schema(pred: [${names}]) {}`,
    'STRICT',
  );
  const stored = new Map(reply.json.schema?.map((entry) => [entry.predicate, definitionOf(entry)]));
  const different = Object.entries(PREDICATES).filter(([name, type]) => stored.get(name) !== type);
  if (different.length === 0) return;
  await connection.alter(different.map(([name, type]) => `${name}: ${type} .`).join('\n'));
}

function definitionOf(entry: StoredPredicate): string {
  return [
    entry.list ? `[${entry.type}]` : entry.type,
    ...(entry.index ? [`@index(${entry.tokenizer?.join(', ') ?? ''})`] : []),
    ...(entry.reverse ? ['@reverse'] : []),
    ...(entry.upsert ? ['@upsert'] : []),
    ...(entry.no_conflict ? ['@noconflict'] : []),
  ].join(' ');
}
