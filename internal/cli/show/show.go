// Package show is what the farm says, on a terminal: regressions with their
// corners and advice, histories of tests, the status of a farm, workers.
//
// Each function prints one thing that package client has read, and asks
// nothing more; what the exit code is made of stays with the verb in package
// cli. All text that comes from the farm goes through Safe, since whoever
// wrote a test or a commit message could otherwise write escape sequences
// into the reader's terminal.
//
// Marks are the same everywhere, and differ by shape, not by colour: ✓ good,
// ✗ bad, ! did not get to its tests, - says nothing, · not finished.
package show
