// Package verdict holds results against a baseline. It is pure, and it is the
// only place that says what counts as broken.
//
// Compare looks at each test by itself, never at totals: a panic can make the
// number of failures fall while things get worse, and a red build can get a
// new failure without becoming redder. A test that was good and now fails, is
// skipped or does not report has a verdict that accuses, and so has one that
// was failing and fails for another reason; everything else is quiet. Absence
// has a cause, taken from what the result files tell of crashes; a test that
// was failing and is absent now is masked, not fixed.
//
// Confirm holds the accusations against a second build of the same revisions:
// what does not repeat is flaky, and a failure that says something else each
// time accuses nobody.
//
// Apply makes the next baseline of what was found.
//
// ObserveAll asks what one build says about accused tests, for a bisection.
//
// NewLedger accounts for all tests that a build should have run, and says why
// each of those did not that did not.
package verdict
