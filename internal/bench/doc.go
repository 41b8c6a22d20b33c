// Package bench measures Weir from outside, and beside it Buildbot.
//
// What is measured are real programs: weir serve and weir worker as they are
// released, with their own processes, on a database that is as durable as in
// production, and Buildbot as Debian packages it. Both do the same jobs on the
// same machine in the same run, because absolute figures drift from machine to
// machine and from hour to hour, while their ratios hold.
//
// A [Subject] is a farm that can be measured. Each measurement is a function
// that puts a subject through one kind of job and records samples under the
// id of a row of [Rows], which says how to read them and what ratio is the
// goal. [Report] turns the samples into the tables of docs/performance.md.
//
// The processes' own processor time and memory come from /proc, so measuring
// needs Linux; elsewhere those figures are missing.
package bench
