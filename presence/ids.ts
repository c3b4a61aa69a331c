/** Ids that presence takes beside those of users: their rules, and the words for who breaks one. */
import { invalidArgument } from '../lib/errors.ts';

interface Rule {
  readonly pattern: RegExp;
  readonly grammar: string;
}

const SESSION_ID: Rule = {
  pattern: /^[A-Za-z0-9_.:-]{1,64}$/,
  grammar: 'a session id is 1 to 64 of A-Z a-z 0-9 _ . : -',
};
const GATEWAY_ID: Rule = {
  pattern: /^[A-Za-z0-9_.-]{1,128}$/,
  grammar: 'a gateway id is 1 to 128 of A-Z a-z 0-9 _ . -',
};

/** @throws RpcError INVALID_ARGUMENT naming the field, what it was and the rule. */
export function requireSessionId(field: string, value: string): void {
  check(field, value, SESSION_ID);
}

/** @throws RpcError INVALID_ARGUMENT naming the field, what it was and the rule. */
export function requireGatewayId(field: string, value: string): void {
  check(field, value, GATEWAY_ID);
}

function check(field: string, value: string, { pattern, grammar }: Rule): void {
  if (pattern.test(value)) return;
  const was = value === '' ? 'is missing' : `${JSON.stringify(value.slice(0, 140))} is none`;
  throw invalidArgument(field, `${was}; ${grammar}`);
}
