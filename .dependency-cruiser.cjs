const parts = ['gateway', 'presence', 'fanout', 'graph'];
const only = (name, dependency, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: '^(bench|cli|fanout|gateway|graph|lib|presence|store)/', pathNot: allowed },
  to: { path: dependency },
});

module.exports = {
  forbidden: [
    ...parts.map((part) => ({
      name: `${part}-imports-no-other-part`,
      comment: 'Parts know each other only through gen/.',
      severity: 'error',
      from: { path: `^${part}/` },
      to: { path: `^(${parts.filter((other) => other !== part).join('|')}|cli|test|bench)/` },
    })),
    {
      name: 'store-serves-presence-and-fanout',
      severity: 'error',
      from: { path: '^(gateway|graph|lib)/' },
      to: { path: '^store/' },
    },
    {
      name: 'store-imports-only-lib',
      severity: 'error',
      from: { path: '^store/' },
      to: { path: '^(gateway|presence|fanout|graph|cli|test|bench|gen)/' },
    },
    {
      name: 'lib-knows-no-domain',
      severity: 'error',
      from: { path: '^lib/' },
      to: {
        path: '^(gateway|presence|fanout|graph|store|cli|test|bench|gen/(presence|registry|graph|fanout|edge))/',
      },
    },
    {
      name: 'nothing-imports-tests',
      comment: 'Only benchmarks start servers as tests do.',
      severity: 'error',
      from: { path: '^(cli|fanout|gateway|graph|lib|presence|store)/' },
      to: { path: '^test/' },
    },
    {
      name: 'bench-imports-test-support-only',
      severity: 'error',
      from: { path: '^bench/' },
      to: { path: '^test/(?!support/)' },
    },
    only('one-folder-imports-uws', 'node_modules/uWebSockets', '^(gateway/server/uws-|bench/)', ''),
    only('one-folder-imports-kafkajs', 'node_modules/kafkajs', '^lib/kafka/', ''),
    only('one-folder-imports-web-push', 'node_modules/web-push', '^lib/web-push/', ''),
    only('one-file-imports-dgraph', 'node_modules/dgraph-js', '^graph/dgraph-', ''),
    only(
      'ioredis-behind-ports',
      'node_modules/ioredis',
      '^(lib/redis|store/redis-|bench|cli/stack)',
      '',
    ),
    {
      name: 'domain-rules-are-pure',
      severity: 'error',
      from: { path: '^(store/(status|shards|keys)|graph/audience|fanout/(audience|routes))\\.ts$' },
      to: { path: 'node_modules/(@grpc|ioredis|kafkajs|dgraph-js|uWebSockets)' },
    },
    {
      name: 'sdk-stands-alone',
      comment:
        'It is a package of its own, for browsers: nothing of this repository, nothing of Node.',
      severity: 'error',
      from: { path: '^sdk/' },
      to: { pathNot: '^sdk/|node_modules/(@types/)?react/' },
    },
    {
      name: 'only-hooks-import-react',
      severity: 'error',
      from: { path: '^sdk/', pathNot: '^sdk/react\\.ts$' },
      to: { path: 'node_modules/' },
    },
    {
      name: 'examples-use-what-users-have',
      comment: 'The contracts, and the client for pages.',
      severity: 'error',
      from: { path: '^examples/' },
      to: { pathNot: '^(examples|gen|sdk)/|node_modules/|^node:', dependencyTypesNot: ['core'] },
    },
    {
      name: 'sdk-is-for-pages',
      severity: 'error',
      from: { pathNot: '^(sdk|examples|console|test/sdk)/' },
      to: { path: '^sdk/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '(^|/)dist/' },
  },
};
