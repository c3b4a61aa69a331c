// What tsc leaves undone for the package of sdk/: its declarations import `./x.ts`, which only newer compilers resolve to
// the declarations beside them; and a package has its license with it.
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const DIST = 'sdk/dist';

for (const file of readdirSync(DIST).filter((name) => name.endsWith('.d.ts'))) {
  const path = `${DIST}/${file}`;
  const declarations = readFileSync(path, 'utf8');
  writeFileSync(path, declarations.replaceAll(/(from ')(\.\/[\w-]+)\.ts'/g, "$1$2.js'"));
}
cpSync('LICENSE', 'sdk/LICENSE');
