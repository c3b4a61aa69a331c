/** What the browser gets: how much, and nothing of Node. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { buildSync } from 'esbuild';
import { packageRoot } from '../support/package-root.ts';

const MAX_GZIPPED_BYTES = 12_000;

/** Fails where anything of Node is imported: `platform` is the browser. */
function bundle(entry: string, external: string[] = []) {
  const { metafile, outputFiles } = buildSync({
    entryPoints: [join(packageRoot(), entry)],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external,
    metafile: true,
    write: false,
  });
  const [output] = Object.values(metafile.outputs);
  return {
    gzippedBytes: gzipSync(outputFiles[0]?.contents ?? '').length,
    inputs: Object.keys(metafile.inputs),
    imports: output?.imports.map(({ path }) => path),
  };
}

test('the client is under 12 KB gzipped, and made of nothing but itself', () => {
  const { gzippedBytes, inputs, imports } = bundle('sdk/index.ts');
  expect(gzippedBytes).toBeGreaterThan(1000);
  expect(gzippedBytes).toBeLessThan(MAX_GZIPPED_BYTES);
  expect(imports).toEqual([]);
  expect(inputs.filter((path) => !path.startsWith('sdk/'))).toEqual([]);
});

test('the hooks need React and nothing else', () => {
  const { gzippedBytes, imports } = bundle('sdk/react.ts', ['react']);
  expect(gzippedBytes).toBeLessThan(1000);
  expect(imports).toEqual(['react']);
});

test('the example page bundles', () => {
  expect(bundle('examples/page/main.ts').imports).toEqual([]);
});
