// tsc copies only what it compiles; the Lua scripts and the descriptor set are read at run time.
import { cpSync } from 'node:fs';

for (const asset of ['store/lua', 'gen/descriptors.binpb']) {
  cpSync(asset, `dist/${asset}`, { recursive: true });
}
