/** Ends the output with one line for scripts and people in a hurry. */
export default class PlainSummaryReporter {
  /** @param {unknown} _contexts @param {import('@jest/reporters').AggregatedResult} results */
  onRunComplete(_contexts, results) {
    // A suite that could not even run has no tests to count, but it must not pass for a success.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const line = `${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped\n`;
    // Jest's own summary comes after all reporters that a configuration names.
    process.once('exit', () => process.stdout.write(line));
  }
}
