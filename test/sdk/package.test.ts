/** The client as others get it: packed by npm, and installed into an empty project that knows nothing of this one. */
import { execFile } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { CHROMIUM_START_TIMEOUT_MS, startChromium } from '../support/chromium.ts';
import { openGraph } from '../support/clients.ts';
import { startEmbedded } from '../support/mesh.ts';
import { packageRoot } from '../support/package-root.ts';
import { temporaryDir } from '../support/server.ts';

const ROOT = packageRoot();
const TSC = join(ROOT, 'node_modules', 'typescript-native', 'bin', 'tsc');
/** What the project has of its own. */
const NEIGHBOURS = ['ws', 'react', 'react-dom', 'scheduler', 'csstype'];
const TYPES = ['@types/ws', '@types/node', '@types/react', '@types/react-dom', 'undici-types'];
const PATIENT_MS = 120_000;

let project: string;

beforeAll(async () => {
  project = await temporaryDir('project');
  await write('package.json', JSON.stringify({ name: 'project', private: true, type: 'module' }));
  const archive = await run(
    'npm',
    'pack',
    '--silent',
    join(ROOT, 'sdk'),
    '--pack-destination',
    '.',
  );
  await run('npm', 'install', '--offline', '--no-audit', '--no-fund', `./${archive.trim()}`);
  await mkdir(join(project, 'node_modules', '@types'));
  for (const name of [...NEIGHBOURS, ...TYPES]) {
    await symlink(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
  }
  for (const [name, text] of Object.entries(SOURCES)) await write(name, text);
}, PATIENT_MS);

afterAll(() => rm(project, { recursive: true, force: true }));

const write = (name: string, text: string): Promise<void> => writeFile(join(project, name), text);

/** In the project. @throws with what it printed */
async function run(command: string, ...args: string[]): Promise<string> {
  const running = promisify(execFile)(command, args, { cwd: project });
  const { stdout } = await running.catch((error: unknown) => {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`, { cause: error });
  });
  return stdout;
}

const SOURCES = {
  'node.ts': `
    import { WebSocket } from 'ws';
    import { createPresenceClient, type Presence } from '@presence-mesh/client';

    const [, , url = ''] = process.argv;
    const client = createPresenceClient({ url, token: 'dev:alice', WebSocket });
    client.on('presence', ({ presence }) => {
      const seen: Presence | undefined = presence;
      console.log(seen?.userId, seen?.status);
      client.close();
    });
    client.connect();
  `,
  'page.tsx': `
    import { createRoot } from 'react-dom/client';
    import { createPresenceClient } from '@presence-mesh/client';
    import { PresenceProvider, useConnection, usePresence } from '@presence-mesh/client/react';

    const [url = '', user = ''] = document.title.split(' ');
    const client = createPresenceClient({ url, token: async () => \`dev:\${user}\` });

    function Friend({ userId }: { userId: string }) {
      const presence = usePresence(userId);
      const { isStale } = useConnection();
      return <p>{userId} is {presence?.status ?? 'not a friend'}, {isStale ? 'stale' : 'live'}</p>;
    }

    createRoot(document.body).render(
      <PresenceProvider client={client}>
        <Friend userId="bob" />
      </PresenceProvider>,
    );
  `,
  'part.ts': `
    import { isNewer } from '@presence-mesh/client';
    console.log(isNewer('10', '9'));
  `,
};

test.each([
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
  ['preserve', 'bundler'],
])(
  'its types are found with module %s, resolution %s',
  async (module, moduleResolution) => {
    const options = { module, moduleResolution, target: 'es2022', lib: 'es2022,dom' };
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const strict = ['--strict', '--exactOptionalPropertyTypes', '--noEmit', '--types', 'node'];
    const sources = ['--jsx', 'react-jsx', ...Object.keys(SOURCES)];
    expect(await run(process.execPath, TSC, ...flags, ...strict, ...sources)).toBe('');
  },
  PATIENT_MS,
);

const bundle = async (entry: string): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [join(project, entry)],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
  });
  return outputFiles[0]!.text;
};

test('what is not used of it is not in a bundle', async () => {
  expect((await bundle('part.ts')).length).toBeLessThan(200);
});

test(
  'it works in Node, and in a page',
  async () => {
    await using mesh = await startEmbedded();
    using graph = openGraph(mesh.grpcAddress);
    await graph.unary((client) => client.befriend, { userId: 'alice', friendUserId: 'bob' });
    const url = `http://${mesh.address}`;
    await run(process.execPath, TSC, '--module', 'nodenext', '--types', 'node', 'node.ts');
    expect(await run(process.execPath, 'node.js', url)).toBe('bob OFFLINE\n');

    const browser = await startChromium();
    try {
      const page = await browser.newPage();
      await page.setContent(`<title>${url} alice</title>`);
      await page.addScriptTag({ type: 'module', content: await bundle('page.tsx') });
      await page.getByText('bob is OFFLINE, live').waitFor();
      const bob = await browser.newPage();
      await bob.setContent(`<title>${url} bob</title>`);
      await bob.addScriptTag({ type: 'module', content: await bundle('page.tsx') });
      await page.getByText('bob is ONLINE, live').waitFor();
    } finally {
      await browser.close();
    }
  },
  CHROMIUM_START_TIMEOUT_MS,
);
