import tseslint from 'typescript-eslint';

const timeOnlyThroughTheClock = [
  { object: 'Date', property: 'now', message: 'Take a Clock (lib/clock.ts).' },
  { object: 'performance', property: 'now', message: 'Take a Clock (lib/clock.ts).' },
  { object: 'Math', property: 'random', message: 'Take a Clock (lib/clock.ts).' },
];

export default tseslint.config(
  {
    ignores: ['gen/', '**/dist/', 'node_modules/', 'coverage/', '**/*.js', '**/*.cjs', '**/*.mjs'],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        project: [
          './tsconfig.json',
          './examples/tsconfig.json',
          './console/tsconfig.json',
          './console/worker/tsconfig.json',
        ],
      },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // Clients are called as pool.unary((client) => client.getPresence, …), and bound there.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['{gateway,presence,fanout,graph,store,lib,cli,sdk,console}/**/*.ts'],
    ignores: ['{lib,sdk}/clock.ts'],
    rules: {
      'no-restricted-properties': ['error', ...timeOnlyThroughTheClock],
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'setImmediate'].map((name) => ({
          name,
          message: 'Take a Clock (lib/clock.ts).',
        })),
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
          message: 'Take a Clock (lib/clock.ts).',
        },
      ],
    },
  },
  {
    // Environment variables are read by config files, and handed on to children by the stack and test support.
    files: ['{gateway,presence,fanout,graph,store,lib}/**/*.ts'],
    ignores: ['**/config.ts', 'lib/clock.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        ...timeOnlyThroughTheClock,
        { object: 'process', property: 'env', message: 'Only config.ts reads the environment.' },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
