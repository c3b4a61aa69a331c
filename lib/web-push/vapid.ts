/** Who we are to push services (RFC 8292): a key pair, and where to complain. */
import { createECDH } from 'node:crypto';
import webPush from 'web-push';
import { z } from 'zod';
import { ConfigError } from '../config.ts';
import { isPoint, isScalar } from './subscription.ts';

export interface VapidKeys {
  /** `mailto:` or `https:`. */
  readonly subject: string;
  /** base64url; browsers subscribe with it. */
  readonly publicKey: string;
  /** base64url. */
  readonly privateKey: string;
}

export function generateVapidKeys(subject: string): VapidKeys {
  return { subject, ...webPush.generateVAPIDKeys() };
}

const HOW = 'npx mesh vapid prints a fresh set';

export const vapidPublicSettings = {
  MESH_VAPID_PUBLIC_KEY: z
    .string()
    .refine(isPoint, `must be 65 bytes of P-256 in base64url; ${HOW}`)
    .optional()
    .describe('public key of Web Push; browsers subscribe with it'),
};

export const vapidSettings = {
  ...vapidPublicSettings,
  MESH_VAPID_SUBJECT: z
    .string()
    .regex(/^(mailto:.+@.+|https:\/\/.+)/, 'must be mailto:SOMEONE@EXAMPLE.COM or an https URL')
    .optional()
    .describe('whom push services write to when something is wrong: mailto: or https:'),
  MESH_VAPID_PRIVATE_KEY: z
    .string()
    .refine(isScalar, `must be 32 bytes in base64url, a private key of P-256; ${HOW}`)
    .optional()
    .describe('private key of Web Push'),
};

type VapidSettings = z.output<z.ZodObject<typeof vapidSettings>>;

/**
 * Undefined when none is set: Web Push is off.
 * @throws ConfigError when some are set and some are not, or the keys are no pair.
 */
export function vapidKeysOf(settings: VapidSettings): VapidKeys | undefined {
  const {
    MESH_VAPID_SUBJECT: subject,
    MESH_VAPID_PUBLIC_KEY: publicKey,
    MESH_VAPID_PRIVATE_KEY: privateKey,
  } = settings;
  if (subject && publicKey && privateKey) return requirePair({ subject, publicKey, privateKey });
  const names = Object.keys(vapidSettings) as (keyof VapidSettings)[];
  const missing = names.filter((name) => settings[name] === undefined);
  if (missing.length === names.length) return undefined;
  throw new ConfigError(
    missing.map((name) => `${name}: not set; Web Push needs all three or none. ${HOW}`),
  );
}

function requirePair(keys: VapidKeys): VapidKeys {
  const own = createECDH('prime256v1');
  own.setPrivateKey(keys.privateKey, 'base64url');
  if (own.getPublicKey('base64url') === keys.publicKey) return keys;
  throw new ConfigError([
    `MESH_VAPID_PUBLIC_KEY: is not the public key of MESH_VAPID_PRIVATE_KEY. ${HOW}`,
  ]);
}
