/** Imports point down only; see CONTRIBUTING.md, "The house". */
const never = (name, from, to) => ({ name, severity: 'error', from: { path: from }, to: { path: to } });

/** What stands on stores and events. */
const CAPABILITIES = 'jobs|dead-letters|schedules|queues|keys';

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'only-entry-points-read-config',
      severity: 'error',
      from: { path: '^(shared|workers|api|cli)/', pathNot: '(^|/)main\\.ts$|^cli/' },
      to: { path: '^config/' },
    },
    never('shared-is-the-foundation', '^shared/', '^(workers|api|cli|servers|bench|examples|tests)/'),
    never('workers-know-no-api', '^workers/', '^(api|cli|servers|bench|examples|tests)/'),
    never('api-knows-no-workers', '^api/', '^(workers|cli|servers|bench|examples|tests)/'),
    never(
      'errors-and-time-are-the-ground',
      '^shared/(errors\\.ts|time/)',
      `^shared/(observe|postgres|redis|${CAPABILITIES})/`,
    ),
    never(
      'observe-stands-on-the-ground',
      '^shared/observe/',
      `^shared/(postgres|redis|lifecycle|${CAPABILITIES})/`,
    ),
    never('nothing-in-shared-needs-diagnosis', '^shared/(?!diagnosis/)', '^shared/diagnosis/'),
    never('stores-know-no-jobs', '^shared/(postgres|redis|lifecycle)/', `^shared/(${CAPABILITIES})/`),
    never('jobs-know-no-other-capability', '^shared/jobs/', '^shared/(dead-letters|schedules|queues|keys)/'),
    never('keys-stand-alone', '^shared/keys/', '^shared/(jobs|dead-letters|schedules|queues)/'),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules|bench/peers/node_modules)/|^bench/peers/.*[.]js$' },
  },
};
