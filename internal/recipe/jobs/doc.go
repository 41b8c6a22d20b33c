// Package jobs reads the key jobs of a project: how it is built and tested.
//
// All reads the mapping of jobs, each job with its steps. What a job can say
// beside its steps is read by one small function a key, in the file of its subject:
//
//	job.go      the job as a whole, and what is simple about it
//	step.go     steps
//	matrix.go   the matrix, written out as cells
//	start.go    what sets a job off: on, cron, params, needs, when, if
//	hold.go     what a job holds while it runs: locks, secrets, services, caches
//	keep.go     what is left of it: results, artifacts, products
//	platform.go platforms and labels
//	needs.go    names of other jobs, and circles among them
//
// Names that only a farm can know, of locks and secrets, are returned with their
// places; whoever reads the farm looks them up.
package jobs
