// `npm run example`: bundles the page in memory and serves it on loopback, beside a mesh that `npm start` runs.
import { context } from 'esbuild';

const PAGE = 'examples/page';
const wanted = Number(process.env.PORT ?? 8090);

const bundle = await context({
  entryPoints: [`${PAGE}/main.ts`],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  sourcemap: 'inline',
  outdir: PAGE,
  write: false,
});
try {
  const { port } = await bundle.serve({ host: '127.0.0.1', port: wanted, servedir: PAGE });
  console.log(
    `http://127.0.0.1:${port}/?user=alice   (another user in another window; Ctrl-C ends it)`,
  );
} catch (error) {
  console.error(`PORT=${process.env.PORT ?? wanted}: ${error.message}; another one may do.`);
  process.exitCode = 1;
  await bundle.dispose();
}
