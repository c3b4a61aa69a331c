import { Command } from 'commander';
import { SignJWT } from 'jose';
import { gatewaySettings } from '../gateway/config.ts';
import { readSettings, type Environment } from '../lib/config.ts';
import { knownNames } from './settings.ts';
import { requireUser } from './user-argument.ts';

const LIFETIME = '12h';

const { MESH_JWT_SECRET, MESH_JWT_AUDIENCE, MESH_JWT_ISSUER } = gatewaySettings;
const tokenSettings = { MESH_JWT_SECRET, MESH_JWT_AUDIENCE, MESH_JWT_ISSUER };

type TokenSettings = ReturnType<typeof readSettings<typeof tokenSettings>>;

/** `mesh token USER`: what a client shows at the gateway's door. */
export function tokenCommand(env: Environment): Command {
  return new Command('token')
    .description('print a client token: signed when MESH_JWT_SECRET is set, else a dev token')
    .argument('<user>', 'user id')
    .option('--operator', 'may ask what others must not see, as every dev token may')
    .action(async (user: string, { operator }: { operator?: boolean }) => {
      const userId = requireUser('USER', user);
      const claims = operator ? { role: 'operator' } : {};
      const settings = readSettings(tokenSettings, env, knownNames);
      process.stdout.write(`${await tokenFor(userId, claims, settings)}\n`);
    });
}

async function tokenFor(
  userId: string,
  claims: { role?: string },
  settings: TokenSettings,
): Promise<string> {
  const { MESH_JWT_SECRET: secret, MESH_JWT_AUDIENCE: aud, MESH_JWT_ISSUER: iss } = settings;
  if (!secret) return `dev:${userId}`;
  return new SignJWT({ ...claims, ...(aud && { aud }), ...(iss && { iss }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(LIFETIME)
    .sign(new TextEncoder().encode(secret));
}
