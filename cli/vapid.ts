/** `mesh vapid`: who this deployment is to push services. */
import { Command } from 'commander';
import { ConfigError, readSettings } from '../lib/config.ts';
import { generateVapidKeys, vapidKeysOf, vapidSettings } from '../lib/web-push/vapid.ts';

export function vapidCommand(): Command {
  return new Command('vapid')
    .description('print a fresh set of MESH_VAPID_… settings, for notifications by Web Push')
    .option('--subject <subject>', 'whom push services write to', 'mailto:you@example.com')
    .action(({ subject }: { subject: string }) => {
      const { publicKey, privateKey } = generateVapidKeys(subject);
      const settings = {
        MESH_VAPID_SUBJECT: subject,
        MESH_VAPID_PUBLIC_KEY: publicKey,
        MESH_VAPID_PRIVATE_KEY: privateKey,
      };
      vapidKeysOf(readSettings(vapidSettings, settings, []));
      requirePlain(subject);
      for (const [name, value] of Object.entries(settings)) {
        process.stdout.write(`export ${name}=${value}\n`);
      }
    });
}

/** What is printed is for a shell's eval, and for files of settings, which know no quotes. */
function requirePlain(subject: string): void {
  if (/^[\w.+@:/%~-]+$/.test(subject)) return;
  throw new ConfigError([`--subject: write ${subject} without blanks and signs that shells read`]);
}
