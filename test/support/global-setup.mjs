// Jest runs this outside of its own module system, with plain Node: hence .mjs and the loader for .ts.
import './ts-loader.mjs';

export default async function setUp() {
  const { offerSharedServers } = await import('./shared-servers.ts');
  // The only way from here to global-teardown.mjs.
  globalThis.sharedServers = await offerSharedServers();
}
