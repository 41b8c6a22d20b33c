// Package findings is the pages of what a farm concluded: regressions with
// their corners, paths and evidence, the history of a test, and the tests that
// a build hides.
//
// For each page there is a view, a function NewXView that computes it from
// what the farm says, and a template XPage that lays it out. Package web reads
// the farm, and puts the page into its frame.
package findings
