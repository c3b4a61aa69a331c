/** Identifiers as they come from outside, checked once at the edge of a part. */
import { invalidArgument } from './errors.ts';

const IDENTIFIER = /^[A-Za-z0-9_.:@-]{1,128}$/;
export const IDENTIFIER_GRAMMAR = '1 to 128 of A-Z a-z 0-9 _ . : @ -';

/** Also false for what only looks like one as text, as the number 7 in a token. */
export function isIdentifier(value: unknown): boolean {
  return typeof value === 'string' && IDENTIFIER.test(value);
}

/** @throws RpcError INVALID_ARGUMENT naming the field, what it was and the grammar. */
export function requireIdentifier(field: string, value: string): string {
  if (isIdentifier(value)) return value;
  const was = value === '' ? 'is missing' : `${JSON.stringify(value.slice(0, 140))} is no id`;
  throw invalidArgument(field, `${was}; an id is ${IDENTIFIER_GRAMMAR}`);
}

/** @throws RpcError INVALID_ARGUMENT for an empty or oversized list or any bad id in it. */
export function requireIdentifiers(field: string, values: readonly string[], max: number): void {
  if (values.length === 0) throw invalidArgument(field, `is empty; give 1 to ${max} ids`);
  if (values.length > max) {
    throw invalidArgument(
      field,
      `has ${values.length} ids; give 1 to ${max}, in several calls if need be`,
    );
  }
  values.forEach((value, index) => requireIdentifier(`${field}[${index}]`, value));
}
