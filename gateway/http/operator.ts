/** GET /v1/operator/…: what operators may ask. It tells what others must not see, so a user's token is not enough. */
import { create, fromBinary, toJson } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { ExplainPresenceResponse } from '../../gen/presence/v1/presence_service.ts';
import {
  ListGatewaysResponse,
  ListShardsResponse,
} from '../../gen/registry/v1/registry_service.ts';
import { messageOf, RpcError } from '../../lib/errors.ts';
import { messageSchema } from '../protocol/descriptors.ts';
import { jsonAnswer, refusal } from '../server/http-answers.ts';
import type { PropagationTally } from '../propagation-tally.ts';
import type { RestOptions } from './rest.ts';
import type { HttpAnswer, HttpRequest } from '../server/socket-server.ts';

export interface OperatorOptions extends RestOptions {
  readonly propagation: PropagationTally;
}

const NOT_AN_OPERATOR = 'for operators: the token needs the claim "role": "operator"';

/** Why is a user shown so: `?user_id=alice`. */
export function answerExplain(request: HttpRequest, options: RestOptions): Promise<HttpAnswer> {
  return forOperators(request, options, async () => {
    const userId = request.query.get('user_id') ?? '';
    const response = await options.upstreams.explain(userId);
    return toProtoJson(EXPLANATION, ExplainPresenceResponse.encode(response).finish());
  });
}

/** The gateways alive. */
export function answerGateways(request: HttpRequest, options: RestOptions): Promise<HttpAnswer> {
  return forOperators(request, options, async () => {
    const response = await options.upstreams.gateways();
    return toProtoJson(GATEWAYS, ListGatewaysResponse.encode(response).finish());
  });
}

/** The shards: who has them, and what waits there. */
export function answerShards(request: HttpRequest, options: RestOptions): Promise<HttpAnswer> {
  return forOperators(request, options, async () => {
    const response = await options.upstreams.shards();
    return toProtoJson(SHARDS, ListShardsResponse.encode(response).finish());
  });
}

/** How long changes took to this gateway's sockets. */
export function answerPropagation(
  request: HttpRequest,
  options: OperatorOptions,
): Promise<HttpAnswer> {
  return forOperators(request, options, () => Promise.resolve(options.propagation.read()));
}

async function forOperators(
  request: HttpRequest,
  { doorway }: RestOptions,
  ask: () => Promise<unknown>,
): Promise<HttpAnswer> {
  const identity = await doorway.identify(request);
  if ('body' in identity) return identity;
  if (!identity.isOperator) return refusal(403, NOT_AN_OPERATOR);
  try {
    return jsonAnswer(200, JSON.stringify(await ask()));
  } catch (error) {
    const isBadInput = error instanceof RpcError && error.code === status.INVALID_ARGUMENT;
    return refusal(isBadInput ? 400 : 503, messageOf(error));
  }
}

const EXPLANATION = messageSchema('presence.v1.ExplainPresenceResponse');
const GATEWAYS = messageSchema('registry.v1.ListGatewaysResponse');
const SHARDS = messageSchema('registry.v1.ListShardsResponse');

function toProtoJson(schema: typeof EXPLANATION, bytes: Uint8Array): unknown {
  return toJson(schema, bytes.length > 0 ? fromBinary(schema, bytes) : create(schema));
}
