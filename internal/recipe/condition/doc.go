// Package condition evaluates the conditions of a recipe: the key if of a job, and
// that of a step.
//
// A condition is one expression that is true or false, over facts that have names:
//
//	branch == "main" and not pull
//	os in ["linux", "darwin"] and cause != "cron"
//	glob(branch, "release/**") or params.publish == "true"
//	status == "failed" and outputs.build.stage == "link"
//
// A job's condition is asked before its build is made, from JobFacts; a step's when
// its turn has come, from StepFacts, which hold more. CheckJob and CheckStep say what
// is wrong with one long before; Job and Step evaluate it.
//
// The language is a part of that of the library expr, and on purpose a small one:
// no loops, no variables, no arithmetic, no time. So each condition ends, within
// time and memory that its own length and that of the facts bound, says the same
// whenever it is asked the same, and cannot reach anything but the facts. What is
// allowed is listed in allow.go; whatever the library learns later is not.
package condition
