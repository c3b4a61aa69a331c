/**
 * What moves a cursor, begins a line or turns the direction of writing, among text that a person reads: control
 * characters, separators of lines, halves of characters, controls of direction.
 */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/gu;

/** As `U+001B`; undefined when all can be printed. */
export function firstUnprintable(text: string): string | undefined {
  const [found] = text.match(UNPRINTABLE) ?? [];
  return found === undefined ? undefined : `U+${hexOf(found).toUpperCase()}`;
}

/** For a terminal: in one line, with `\u001b` and its like in place of what it would obey. The same within JSON. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (found) => `\\u${hexOf(found)}`);
}

/** The same for text of many lines. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n');

const hexOf = (character: string): string => character.charCodeAt(0).toString(16).padStart(4, '0');
