import { expect, test } from '@jest/globals';
import { deviceProblem } from '../../lib/device-name.ts';
import { firstUnprintable, printable, printableLines } from '../../lib/printable.ts';

test.each(['', 'phone', 'Büro — Zoë’s 📱', '日本語', '👩‍💻 laptop'])(
  '%j is fit for a terminal',
  (text) => {
    expect(firstUnprintable(text)).toBeUndefined();
    expect(printable(text)).toBe(text);
    expect(deviceProblem(text)).toBeUndefined();
  },
);

test.each([
  ['an escape sequence', '\u001b[2J', 'U+001B', '\\u001b[2J'],
  ['one in a single character', '\u009b2J', 'U+009B', '\\u009b2J'],
  ['a new line', 'a\r\nb', 'U+000D', 'a\\u000d\\u000ab'],
  ['a line separator', 'a\u2028b', 'U+2028', 'a\\u2028b'],
  ['a turn of direction', 'a\u202eb', 'U+202E', 'a\\u202eb'],
  ['half a character', 'a\ud83d', 'U+D83D', 'a\\ud83d'],
])('%s is not', (_what, text, named, shown) => {
  expect(firstUnprintable(text)).toBe(named);
  expect(printable(text)).toBe(shown);
  expect(deviceProblem(text)).toBe(
    `has ${named}, which cannot be printed; give at most 64 bytes of printable characters`,
  );
});

test('lines stay lines, and JSON stays the same', () => {
  const value = { device: '\u0007\u009b2J\u202e' };
  const json = printableLines(JSON.stringify(value, undefined, 2));
  expect(json.split('\n')).toHaveLength(3);
  expect(firstUnprintable(json.replaceAll('\n', ''))).toBeUndefined();
  expect(JSON.parse(json)).toEqual(value);
});
