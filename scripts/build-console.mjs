// Makes the console's page, which the gateway serves, of console/: a script and a service worker, no source of anything else.
import { cpSync } from 'node:fs';
import { build } from 'esbuild';

const FROM = 'console';
const TO = 'dist/console';

await build({
  entryPoints: { main: `${FROM}/main.ts`, 'push-worker': `${FROM}/worker/push-worker.ts` },
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  outdir: TO,
  logLevel: 'warning',
});
for (const file of ['index.html', 'style.css', 'icon.svg'])
  cpSync(`${FROM}/${file}`, `${TO}/${file}`);
