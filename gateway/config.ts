import { z } from 'zod';
import {
  hostPorts,
  listenAddress,
  port,
  readSettings,
  wholeNumber,
  type Environment,
} from '../lib/config.ts';
import { kafkaSettings, kafkaTopicSettings } from '../lib/kafka/config.ts';
import { vapidPublicSettings } from '../lib/web-push/vapid.ts';

const NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const MIN_SECRET_BYTES = 32;

/** Settings of the gateway as a process of its own. */
export const gatewaySettings = {
  ...kafkaSettings,
  MESH_KAFKA_REPLICATION: kafkaTopicSettings.MESH_KAFKA_REPLICATION,
  ...vapidPublicSettings,
  MESH_PRESENCE_ADDRS: hostPorts('127.0.0.1:50051').describe(
    'presence processes, host:port, comma-separated',
  ),
  MESH_GRAPH_ADDRS: hostPorts('127.0.0.1:50052').describe(
    'graph processes, host:port, comma-separated',
  ),
  MESH_HTTP_HOST: listenAddress()
    .optional()
    .describe('address to serve clients on; default: 127.0.0.1 with dev tokens, else 0.0.0.0'),
  MESH_HTTP_PORT: port(8080).describe('HTTP and WebSocket port; 0 means any free one'),
  MESH_GATEWAY_NAME: z
    .string()
    .regex(NAME, 'must be 1 to 64 of A-Z a-z 0-9 _ . -')
    .optional()
    .describe('name of this gateway in its id; default: the host name'),
  MESH_ALLOWED_ORIGINS: z
    .string()
    .transform((text) => text.split(',').map((item) => item.trim()))
    .refine((items) => items.every((item) => URL.canParse(item) && new URL(item).origin === item), {
      message: 'must be origins, several separated by commas, as in https://app.example.com',
    })
    .optional()
    .describe('origins whose pages may use the gateway, separated by commas'),
  MESH_AUTH: z
    .enum(['dev', 'jwt'], 'must be dev or jwt')
    .default('dev')
    .describe('dev: tokens dev:USER, loopback only; jwt: signed tokens, on all interfaces'),
  MESH_JWT_SECRET: z
    .string()
    .refine((secret) => Buffer.byteLength(secret) >= MIN_SECRET_BYTES, {
      message: `must be at least ${MIN_SECRET_BYTES} bytes long for HS256`,
    })
    .optional()
    .describe('secret of HS256 tokens'),
  MESH_JWKS_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .optional()
    .describe('where the public keys of signed tokens are published'),
  MESH_JWT_AUDIENCE: z
    .string()
    .optional()
    .describe('claim aud that signed tokens must have; needed with MESH_JWKS_URL'),
  MESH_JWT_ISSUER: z.string().optional().describe('claim iss that signed tokens must have'),
  MESH_HEARTBEAT_INTERVAL_MS: wholeNumber(5000, 100, 3_600_000).describe(
    'how often clients are asked to send a heartbeat, ms',
  ),
};

/** How tokens are checked. */
export function authOf(settings: z.output<z.ZodObject<typeof gatewaySettings>>) {
  return {
    mode: settings.MESH_AUTH,
    jwtSecret: settings.MESH_JWT_SECRET,
    jwksUrl: settings.MESH_JWKS_URL,
    jwtAudience: settings.MESH_JWT_AUDIENCE,
    jwtIssuer: settings.MESH_JWT_ISSUER,
  };
}

export type GatewaySettings = ReturnType<typeof readGatewaySettings>;

/** @throws ConfigError */
export function readGatewaySettings(env: Environment, known: readonly string[]) {
  return readSettings(gatewaySettings, env, known);
}
