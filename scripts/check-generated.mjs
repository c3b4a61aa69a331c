// Fails when gen/ is not what `npm run generate` makes of proto/, or when proto/ breaks what main has promised.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const buf = (...args) => {
  execFileSync(join('node_modules', '.bin', 'buf'), args, { stdio: 'inherit' });
};

function checkDrift() {
  const fresh = mkdtempSync(join(tmpdir(), 'presence-mesh-gen-'));
  try {
    buf('generate', '-o', fresh);
    buf(
      ...['build', '--as-file-descriptor-set', '--exclude-source-info'],
      ...['-o', join(fresh, 'gen', 'descriptors.binpb')],
    );
    const differing = differences('gen', join(fresh, 'gen'));
    if (differing.length === 0) return;
    throw new Error(`gen/ is out of date: ${differing.join(', ')}\n  npm run generate`);
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

function differences(committed, fresh) {
  const [before, after] = [committed, fresh].map(contents);
  return [...new Set([...before.keys(), ...after.keys()])].filter((path) => {
    const [a, b] = [before.get(path), after.get(path)];
    return !a || !b || !a.equals(b);
  });
}

function contents(dir) {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files.map(({ parentPath, path = parentPath, name }) => {
      const file = join(path, name);
      return [file.slice(dir.length + 1), readFileSync(file)];
    }),
  );
}

/** Against main as it is committed; without one (a tarball, a shallow clone) there is nothing to compare. */
function checkBreaking() {
  const main = ['origin/main', 'main'].find(
    (ref) =>
      spawnSync('git', ['cat-file', '-e', `${ref}:buf.yaml`], { stdio: 'ignore' }).status === 0,
  );
  if (!main) return console.error('No main to compare proto/ with.');
  const commit = execFileSync('git', ['rev-parse', main], { encoding: 'utf8' }).trim();
  buf('breaking', '--against', `.git#ref=${commit}`);
}

try {
  checkDrift();
  checkBreaking();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
