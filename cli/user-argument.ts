/** User ids on the command line: a wrong one is a wrong use. */
import { ConfigError } from '../lib/config.ts';
import { IDENTIFIER_GRAMMAR, isIdentifier } from '../lib/identifiers.ts';

/**
 * @param name of the argument
 * @throws ConfigError
 */
export function requireUser(name: string, value: string): string {
  if (isIdentifier(value)) return value;
  throw new ConfigError([
    `${name}: ${JSON.stringify(value)} is no id; it is ${IDENTIFIER_GRAMMAR}`,
  ]);
}
