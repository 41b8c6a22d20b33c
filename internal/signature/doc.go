// Package signature finds what a failure says, without what changes from run
// to run. It is pure.
//
// A test that is red stays red, and nobody looks at it any more: a second fault
// hides behind the first. So a failure gets a signature, and one that changes is
// news. That works only if nothing else changes a signature: not the temporary
// directory, the port, the time, the address of an object, nor the line number
// that moves whenever somebody edits the file above it.
//
// Of looks for two things and makes a key of both:
//
//   - the line that says what is wrong (headline.go). Each tool puts it somewhere
//     else: behind "panic:", at the end of a Python traceback, on the lines that
//     pytest marks with E, below the line in which GoogleTest says "Failure".
//   - where it happened (frame.go): the innermost frame of the stack that belongs
//     neither to the language nor to the test framework, or the file that the
//     message names.
//
// Mask (mask.go) takes from a line what changes from run to run. The rules for
// names in package results come first, so that there is one place for those
// patterns; names keep their digits, though, and failures do not.
//
// The result is an estimate: some failures say something else each time in a way
// that no rule knows. Whoever compares signatures must look twice at the same
// revisions before believing that a failure changed; package verdict does.
package signature
