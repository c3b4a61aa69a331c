/**
 * Server reflection (grpc.reflection.v1 and v1alpha) over a descriptor set made by `buf build`.
 *
 * Written here because @grpc/reflection 1.0.4 loses the dependencies of files, and grpcurl then cannot resolve
 * google.protobuf.Timestamp.
 */
import {
  fromBinary,
  toBinary,
  createFileRegistry,
  type DescFile,
  type FileRegistry,
  fromJsonString,
  toJsonString,
} from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type FileDescriptorSet,
} from '@bufbuild/protobuf/wkt';
import { status, type ServerDuplexStream, type ServiceDefinition } from '@grpc/grpc-js';
import {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from '../../gen/grpc/reflection/v1/reflection.ts';

type ReflectionCall = ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;

export interface ReflectionOptions {
  /** A google.protobuf.FileDescriptorSet with imports. */
  readonly descriptors: Uint8Array;
  /** Full names of the services that this server really serves. */
  readonly serviceNames: () => readonly string[];
}

/** Both versions of the service: they differ in name only. */
export function createReflection(options: ReflectionOptions) {
  const described = fromBinary(FileDescriptorSetSchema, options.descriptors);
  describeAlpha(described);
  const registry = createFileRegistry(described);
  const serverReflectionInfo = (call: ReflectionCall): void => {
    call.on('data', (request: ServerReflectionRequest) => {
      call.write({
        validHost: request.host,
        originalRequest: request,
        messageResponse: answer(registry, options.serviceNames(), request),
      });
    });
    call.on('end', () => call.end());
  };
  return ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'].map(
    (name) => ({ name, definition: definitionOf(name), implementation: { serverReflectionInfo } }),
  );
}

/** What is served is described too: who describes all services asks for the old version of this one as well. */
function describeAlpha({ file }: FileDescriptorSet): void {
  const v1 = file.find(({ package: name }) => name === 'grpc.reflection.v1');
  if (!v1) return;
  const json = toJsonString(FileDescriptorProtoSchema, v1)
    .replaceAll('grpc.reflection.v1', 'grpc.reflection.v1alpha')
    .replaceAll('grpc/reflection/v1/', 'grpc/reflection/v1alpha/');
  file.push(fromJsonString(FileDescriptorProtoSchema, json));
}

type Answer = ServerReflectionResponse['messageResponse'];

function answer(
  registry: FileRegistry,
  serviceNames: readonly string[],
  request: ServerReflectionRequest,
): Answer {
  const asked = request.messageRequest;
  switch (asked?.$case) {
    case 'listServices':
      return {
        $case: 'listServicesResponse',
        value: { service: serviceNames.map((name) => ({ name })) },
      };
    case 'fileByFilename':
      return filesOf(
        registry.getFile(asked.value.replace(/\.proto$/, '')) ?? registry.getFile(asked.value),
        asked.value,
      );
    case 'fileContainingSymbol':
      return filesOf(fileOfSymbol(registry, asked.value), asked.value);
    default:
      return failure(status.UNIMPLEMENTED, `${asked?.$case ?? 'an empty request'} is not answered`);
  }
}

function fileOfSymbol(registry: FileRegistry, symbol: string): DescFile | undefined {
  const parent = symbol.slice(0, symbol.lastIndexOf('.'));
  return (registry.get(symbol) ?? registry.get(parent))?.file;
}

/** The file and all it depends on, so that one answer is enough. */
function filesOf(file: DescFile | undefined, asked: string): Answer {
  if (!file) return failure(status.NOT_FOUND, `${asked} is not known here`);
  const files = new Map<string, DescFile>();
  const collect = (one: DescFile): void => {
    if (files.has(one.name)) return;
    files.set(one.name, one);
    one.dependencies.forEach(collect);
  };
  collect(file);
  const fileDescriptorProto = [...files.values()].map((one) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, one.proto)),
  );
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function failure(errorCode: number, errorMessage: string): Answer {
  return { $case: 'errorResponse', value: { errorCode, errorMessage } };
}

function definitionOf(name: string): ServiceDefinition {
  return {
    serverReflectionInfo: {
      path: `/${name}/ServerReflectionInfo`,
      requestStream: true,
      responseStream: true,
      requestSerialize: (value: ServerReflectionRequest) =>
        Buffer.from(ServerReflectionRequest.encode(value).finish()),
      requestDeserialize: (bytes: Buffer) => ServerReflectionRequest.decode(bytes),
      responseSerialize: (value: ServerReflectionResponse) =>
        Buffer.from(ServerReflectionResponse.encode(value).finish()),
      responseDeserialize: (bytes: Buffer) => ServerReflectionResponse.decode(bytes),
    },
  };
}
