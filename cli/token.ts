import { Command } from 'commander';
import { SignJWT } from 'jose';
import { requireIdentifier } from '../lib/identifiers.ts';

const LIFETIME = '12h';

/** `mesh token USER`: what a client shows at the gateway's door. */
export function tokenCommand(secret: string | undefined): Command {
  return new Command('token')
    .description('print a client token: signed when MESH_JWT_SECRET is set, else a dev token')
    .argument('<user>', 'user id')
    .action(async (user: string) => {
      process.stdout.write(`${await tokenFor(requireIdentifier('USER', user), secret)}\n`);
    });
}

async function tokenFor(userId: string, secret: string | undefined): Promise<string> {
  if (!secret) return `dev:${userId}`;
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(LIFETIME)
    .sign(new TextEncoder().encode(secret));
}
