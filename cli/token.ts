import { Command } from 'commander';
import { SignJWT } from 'jose';
import { gatewaySettings } from '../gateway/config.ts';
import { readSettings, type Environment } from '../lib/config.ts';
import { knownNames } from './settings.ts';
import { requireUser } from './user-argument.ts';

const LIFETIME = '12h';

/** `mesh token USER`: what a client shows at the gateway's door. */
export function tokenCommand(env: Environment): Command {
  return new Command('token')
    .description('print a client token: signed when MESH_JWT_SECRET is set, else a dev token')
    .argument('<user>', 'user id')
    .option('--operator', 'may ask what others must not see, as every dev token may')
    .action(async (user: string, { operator }: { operator?: boolean }) => {
      const userId = requireUser('USER', user);
      const claims = operator ? { role: 'operator' } : {};
      const { MESH_JWT_SECRET } = gatewaySettings;
      const { MESH_JWT_SECRET: secret } = readSettings({ MESH_JWT_SECRET }, env, knownNames);
      process.stdout.write(`${await tokenFor(userId, claims, secret)}\n`);
    });
}

async function tokenFor(
  userId: string,
  claims: { role?: string },
  secret: string | undefined,
): Promise<string> {
  if (!secret) return `dev:${userId}`;
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(LIFETIME)
    .sign(new TextEncoder().encode(secret));
}
