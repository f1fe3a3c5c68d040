/** ESM through --experimental-vm-modules (see the test script); swc strips the types, `npm run typecheck` checks them. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': ['$1.ts', '$1.js'], '^holdfast$': '<rootDir>/index.ts' },
  globalSetup: '<rootDir>/tests/support/global-setup.mjs',
  globalTeardown: '<rootDir>/tests/support/global-teardown.ts',
  testSequencer: '<rootDir>/tests/support/longest-first.mjs',
  reporters: ['default', '<rootDir>/tests/support/plain-summary-reporter.mjs'],
  // Test files have servers' databases and ports of their own; much of their time is waiting for processes and leases.
  maxWorkers: '100%',
  // Against a test that hangs. A slow machine takes half a minute for some that start many processes.
  testTimeout: 90_000,
  coverageProvider: 'v8',
};
