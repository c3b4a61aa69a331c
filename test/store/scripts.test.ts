import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { arityOf } from '../../lib/redis/scripts.ts';
import { readScripts } from '../../store/redis-scripts.ts';

const directory = new URL('../../store/lua/', import.meta.url);
const files = readdirSync(directory).map((file) => file.replace('.lua', ''));
const preludes = ['common', 'user'];
const scripts = Object.values(readScripts(2_000));

test('every file is a script or a prelude', () => {
  expect(
    scripts
      .map(({ name }) => name)
      .concat(preludes)
      .sort(),
  ).toEqual(files.sort());
});

describe.each(files.filter((name) => !preludes.includes(name)))('%s.lua', (name) => {
  const source = readFileSync(new URL(`${name}.lua`, directory), 'utf8');
  const [header = '', ...rest] = source.split('\n\n');
  const body = rest.join('\n\n');

  test('says what it takes, returns and writes', () => {
    expect(header).toMatch(/^-- [A-Z].*\n(-- .*\n)*-- KEYS: .*\n(-- +.*\n)*-- ARGV: /);
    expect(header).toMatch(/\n-- Returns: .*\n(-- +.*\n)*-- Writes: .*/);
  });

  test.each(['KEYS', 'ARGV'] as const)('reads no %s beyond those it declares', (list) => {
    const { fixed, repeated } = arityOf(list, source);
    const places = [...body.matchAll(new RegExp(`${list}\\[(\\d+)\\]`, 'g'))].map((m) => +m[1]!);
    const highest = Math.max(0, ...places);
    if (repeated === 0 && !body.includes(`unpack(${list})`)) expect(highest).toBe(fixed);
    else expect(highest).toBeLessThanOrEqual(fixed);
  });

  test('declares whether it writes', () => {
    const writes = /redis\.call\('(HSET|HDEL|ZADD|ZREM|SET|XADD|XDEL|XTRIM)|save\(|call\('HSET'/;
    expect(writes.test(body) || /enter\(/.test(body)).toBe(!/-- Writes: nothing/.test(header));
  });
});
