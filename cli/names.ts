/** The name of a generated enum's value, without its prefix. */
export function nameOf(
  values: Readonly<Record<string, number>>,
  value: number,
  prefix: string,
): string {
  const [name] = Object.entries(values).find(([, candidate]) => candidate === value) ?? [];
  return name?.slice(prefix.length) ?? String(value);
}
