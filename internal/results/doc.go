// Package results turns what test tools leave behind into one form: a
// weir.ResultSet whose names mean the same test from run to run, whose texts
// are safe to show and whose size is bounded.
//
// The way of a results file:
//
//	file -> Input -> reader (junit, tap, gotest) -> Collector -> weir.ResultSet -> Encode -> blob
//
// A Reader knows one format. It reads through an Input, which bounds what is
// read and undoes byte order marks, and hands each test that it finds to a
// Collector. Readers salvage: a file that ends in the middle yields the tests
// before the end and a Truncated incident, because half a result says more
// than none. Only a file that is empty or of another format is an error.
//
// The Collector decides three things for all formats alike:
//
//   - Names are masked by the rules of Rules: pointers, UUIDs and temporary
//     paths change from run to run and would make a new test of an old one.
//   - The same name twice is the same test twice: a suite ran it again. The
//     last attempt decides, and Mixed says that the attempts disagreed.
//   - Different names that are equal only after masking are different tests
//     and get the suffixes #02, #03 in the order of the file.
//
// Normalise does the same for a set from elsewhere. Encode and Decode are the
// canonical form in which a worker sends and a farm keeps the results of one
// build; Decode takes input from workers, which is as hostile as any.
//
// The subpackages junit, tap and gotest import this package for the Collector;
// formats maps a weir.ResultFormat to its reader and is what a worker uses.
package results
