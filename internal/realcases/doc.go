// Package realcases holds nothing but tests: what a farm says of modules that
// really broke, or really did not, each other. They are the farm files of
// examples/real-cases, and what must come out is in docs/verdicts.md.
//
// The tests need the module registry and some minutes, so they take part only
// if they are asked for:
//
//	go test -tags weir_real -count=1 -v ./internal/realcases
//
// What they are about is also tested without a network, on projects that are
// shaped alike: the lock step and its corners in internal/farm, the directory
// in internal/farmtest, flakes everywhere.
package realcases
