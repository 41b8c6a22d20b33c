// Package weir is the vocabulary of a build farm that tells upstream
// projects which of their commits broke which tests of whom.
//
// Read this package first; everything else in the module is written in its
// words. It holds types, states, transitions and error codes, and nothing
// that acts: no goroutine, no file, no network, no database. It imports the
// standard library only, and no other package of the module.
//
// The words build on each other in this order:
//
//	Source     where revisions come from: git, or the Go module registry
//	Revision   one version of a source, at a position on its branch
//	Project    a source, the projects upstream of it, and a recipe
//	Job, Step  the recipe: how the project is built and tested
//	Builder    a series of comparable builds: project x job x cell x platform x branch
//	Pins       which revision of each project a build uses
//	Run        everything one cause sets off
//	Build      one job of a run, at pinned revisions
//	Attempt    one try of a build by one worker, under a lease
//	Product    the installed tree that an upstream's build hands to downstreams
//	Result     what one test did in one build
//	Verdict    a result held against the builder's baseline
//	Regression tests that were good at A and bad at B, and who did it
//
// A change of an upstream makes a run: one build of the upstream per platform
// and, behind it, one build per downstream. The worker that leases a build
// sends its results; they are held against the baseline; what is newly bad is
// run again; what stays bad opens a regression; probes at revisions between
// the last good and the first bad build name the culprit.
package weir
