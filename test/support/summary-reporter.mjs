// Prints `N passed, M failed` as the very last line of a run.
import { writeSync } from 'node:fs';

export default class SummaryReporter {
  #summary;

  onRunComplete(_contexts, results) {
    const { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites } = results;
    this.#summary = {
      passed: numPassedTests,
      // A file that could not even run is a failure.
      failed: numFailedTests + numRuntimeErrorTestSuites,
      skipped: numPendingTests + results.numTodoTests,
    };
    process.once('exit', (code) => this.#print(code));
  }

  #print(code) {
    const { passed, failed, skipped } = this.#summary;
    // A run that fails though no test did has left something behind, or had nothing to run.
    const failures = failed === 0 && (code !== 0 || passed === 0) ? 1 : failed;
    if (failures > 0) process.exitCode = 1;
    const counts = [`${passed} passed`, `${failures} failed`];
    if (skipped > 0) counts.push(`${skipped} skipped`);
    // Jest leaves by a way that silences process.stdout.
    writeSync(1, `${counts.join(', ')}\n`);
  }
}
