/** Imports point down only; see CONTRIBUTING.md, "The house". */
const never = (name, from, to) => ({ name, severity: 'error', from: { path: from }, to: { path: to } });

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
      '^shared/(observe|postgres|redis|jobs)/',
    ),
    never('observe-stands-on-the-ground', '^shared/observe/', '^shared/(postgres|redis|lifecycle|jobs)/'),
    never('nothing-in-shared-needs-diagnosis', '^shared/(?!diagnosis/)', '^shared/diagnosis/'),
    never('stores-know-no-jobs', '^shared/(postgres|redis|lifecycle)/', '^shared/jobs/'),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules|bench/peers/node_modules)/|^bench/peers/.*[.]js$' },
  },
};
