/** The contracts as data: for true proto3 JSON, which ts-proto does not speak. */
import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary, type DescMessage } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const registry = createFileRegistry(
  fromBinary(
    FileDescriptorSetSchema,
    readFileSync(new URL('../../gen/descriptors.binpb', import.meta.url)),
  ),
);

/** @throws when proto/ has no such message: a mistake of ours. */
export function messageSchema(name: string): DescMessage {
  const schema = registry.getMessage(name);
  if (!schema) throw new Error(`gen/descriptors.binpb has no message ${name}: npm run generate`);
  return schema;
}

/** JSON names of a message's members by field number. */
export function memberNames(message: string): ReadonlyMap<number, string> {
  return new Map(messageSchema(message).fields.map(({ number, jsonName }) => [number, jsonName]));
}

/** Names of an enumeration's values, without the one that says nothing. */
export function enumNames(enumeration: string): readonly string[] {
  const values = registry.getEnum(enumeration)?.values ?? [];
  return values.filter(({ number }) => number !== 0).map(({ name }) => name);
}
