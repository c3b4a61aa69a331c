import { IDENTIFIER_GRAMMAR, isIdentifier } from '../lib/identifiers.ts';

/** What is wrong with an edge between two users; undefined when nothing is. */
export function edgeProblem(from: string, to: string): string | undefined {
  const bad = [from, to].find((userId) => !isIdentifier(userId));
  if (bad === '') return 'a user id is missing';
  if (bad !== undefined) {
    return `${JSON.stringify(bad.slice(0, 140))} is no user id; an id is ${IDENTIFIER_GRAMMAR}`;
  }
  return from === to ? `${from} cannot be their own friend or follower` : undefined;
}
