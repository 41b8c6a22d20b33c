package protocol

import (
	"slices"

	"github.com/weir-ci/weir"
)

// A worker passes over what it does not know. Of messages that is meant; of a
// specification it would be a build without its secrets, its conditions or its
// patch, and nobody would notice. So a build that asks for such things asks for a
// worker that knows them, by a label that the server gives to those: old workers
// go on with the builds that they understand.

// LabelSteps is the label of workers that speak version 3 or later. They know all
// that jobs, steps and sources can say beyond commands, environment, product,
// results and limits.
const LabelSteps = "protocol-3"

// Offers are the labels of a worker that speaks this version: those that it says
// it has, and those that stand for what it knows.
func Offers(labels []string, version int) []string {
	labels = slices.DeleteFunc(slices.Clone(labels), func(l string) bool { return l == LabelSteps })
	if version >= 3 {
		labels = append(labels, LabelSteps)
	}
	return labels
}

// Labels are those that a worker must offer to be given a build: those of its job,
// and those that stand for what it has to know.
func Labels(spec weir.Spec) []string {
	if !stepsNeeded(spec) || slices.Contains(spec.Job.Labels, LabelSteps) {
		return spec.Job.Labels
	}
	return append(slices.Clone(spec.Job.Labels), LabelSteps)
}

// stepsNeeded reports whether a worker that speaks version 2 would build something
// else than is meant. What only saves time, such as a cache, does not count.
func stepsNeeded(s weir.Spec) bool {
	_, _, patched := weir.CutPatched(s.Revision)
	if patched || s.Ref != "" || s.Untrusted || len(s.Params) > 0 {
		return true
	}
	switch s.Source.Kind {
	case weir.Git, weir.Go, weir.None, "":
	default:
		return true
	}
	if src := s.Source; src.Credentials != "" || src.Checkout.Submodules || src.Checkout.LFS {
		return true
	}
	j := s.Job
	return j.Cell != "" || j.Shell != "" || len(j.Secrets) > 0 || len(j.Services) > 0 || len(j.Artifacts) > 0 || len(j.Params) > 0 ||
		slices.ContainsFunc(j.Steps, func(s weir.Step) bool {
			return s.Script != "" || s.Shell != "" || len(s.Secrets) > 0 || s.When != "" || s.If != "" || s.AllowFailure || s.Retry > 0
		})
}
